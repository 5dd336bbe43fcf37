"""Requests as a client would send them."""

from __future__ import annotations

from typing import Any

__all__ = ["processing", "training"]

ROLE = "arn:aws:iam::000000000000:role/Any"


def processing(name: str, script: str, *, inputs: dict[str, str], outputs: dict[str, str], seconds: int = 60) -> dict[str, Any]:
    """A shell script as a processing job; inputs and outputs by name and URI, below /opt/ml/processing."""
    return {
        "ProcessingJobName": name,
        "ProcessingInputs": [
            {
                "InputName": key,
                "S3Input": {
                    "S3Uri": uri,
                    "LocalPath": f"/opt/ml/processing/input/{key}",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for key, uri in inputs.items()
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": key,
                    "S3Output": {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/output/{key}", "S3UploadMode": "EndOfJob"},
                }
                for key, uri in outputs.items()
            ]
        },
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}},
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": ["sh", "-c", script]},
        "Environment": {"GREETING": "hello"},
        "RoleArn": ROLE,
    }


def training(name: str, script: str, *, channels: dict[str, str], output: str, seconds: int = 60) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": "image",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["sh", "-c", script],
            "MetricDefinitions": [{"Name": "auc", "Regex": "auc=([0-9.]+)"}],
        },
        "HyperParameters": {"depth": "6"},
        "InputDataConfig": [
            {"ChannelName": key, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}
            for key, uri in channels.items()
        ],
        "OutputDataConfig": {"S3OutputPath": output, "CompressionType": "NONE"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        "RoleArn": ROLE,
    }
