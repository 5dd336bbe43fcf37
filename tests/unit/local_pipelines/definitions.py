"""Short ways to write pipeline definitions."""

from __future__ import annotations

import json
from typing import Any

EXECUTION_ID = {"Get": "Execution.PipelineExecutionId"}
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sagelens:1"
ROLE = "arn:aws:iam::123456789012:role/sagelens"


def definition(*steps: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> str:
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": parameters or [], "Steps": list(steps)})


def own_output(step: str, name: str) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": ["s3://bucket/flow", EXECUTION_ID, step, "output", name]}}


def output_of(step: str, name: str = "out") -> dict[str, Any]:
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri"}


def processing(
    name: str,
    inputs: dict[str, Any] | None = None,
    outputs: tuple[str, ...] = ("out",),
    arguments: dict[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    request = {
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}},
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "-m", "sagelens.job", "processing"]},
        "RoleArn": ROLE,
        "ProcessingInputs": [
            {
                "InputName": key,
                "S3Input": {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/input/{key}", "S3DataType": "S3Prefix"},
            }
            for key, uri in (inputs or {}).items()
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": key,
                    "S3Output": {
                        "S3Uri": own_output(name, key),
                        "LocalPath": f"/opt/ml/processing/output/{key}",
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for key in outputs
            ]
        },
        **(arguments or {}),
    }
    return {"Name": name, "Type": "Processing", "Arguments": request, **fields}


def cached(name: str, inputs: dict[str, Any] | None = None, expire_after: str | None = None, **fields: Any) -> dict[str, Any]:
    config: dict[str, Any] = {"Enabled": True} | ({"ExpireAfter": expire_after} if expire_after else {})
    return processing(name, inputs, CacheConfig=config, **fields)


def training(name: str, inputs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    request = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {
            "S3OutputPath": {"Std:Join": {"On": "/", "Values": ["s3://bucket/flow", EXECUTION_ID, name]}},
            "CompressionType": "NONE",
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "RoleArn": ROLE,
        "InputDataConfig": [
            {"ChannelName": key, "DataSource": {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix"}}}
            for key, uri in inputs.items()
        ],
    }
    return {"Name": name, "Type": "Training", "Arguments": request, **fields}


def condition(
    name: str, test: dict[str, Any], then: list[Any] | None = None, other: list[Any] | None = None, **fields: Any
) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "Condition",
        "Arguments": {"Conditions": [test], "IfSteps": then or [], "ElseSteps": other or []},
        **fields,
    }


def equals(left: Any, right: Any) -> dict[str, Any]:
    return {"Type": "Equals", "LeftValue": left, "RightValue": right}


def fail(name: str, message: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}}


def parameter(name: str, kind: str = "String", default: Any = None) -> dict[str, Any]:
    return {"Name": name, "Type": kind} | ({} if default is None else {"DefaultValue": default})
