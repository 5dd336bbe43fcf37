"""Programs of others, pointed at the service by `sagelens local env` alone."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.integration.conftest import Outcome, Workspace

Trained = tuple[Workspace, Outcome]

PLAIN_BOTO3 = """
import json, time, boto3
sagemaker, runtime = boto3.client("sagemaker"), boto3.client("sagemaker-runtime")
started = sagemaker.start_pipeline_execution(PipelineName="flights-training", ClientRequestToken="t" * 32)
arn = started["PipelineExecutionArn"]
while (seen := sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn))["PipelineExecutionStatus"] == "Executing":
    time.sleep(0.2)
pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=arn)
steps = {step["StepName"]: step for page in pages for step in page["PipelineExecutionSteps"]}
packages = sagemaker.list_model_packages(ModelPackageGroupName="flights", SortOrder="Descending")["ModelPackageSummaryList"]
package = sagemaker.describe_model_package(ModelPackageName=packages[0]["ModelPackageArn"])
bucket, _, key = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"].removeprefix("s3://").partition("/")
metrics = json.loads(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
row = json.load(open("configs/examples/request.json"))["instances"]
answer = runtime.invoke_endpoint(EndpointName="flights", ContentType="application/json", Body=json.dumps({"instances": row}))
print(json.dumps({
    "status": seen["PipelineExecutionStatus"],
    "steps": {name: step["StepStatus"] for name, step in steps.items()},
    "hits": [name for name, step in steps.items() if "CacheHitResult" in step],
    "approval": package["ModelApprovalStatus"],
    "digest": package["CustomerMetadataProperties"]["model_digest"],
    "roc_auc": metrics["roc_auc"],
    "variant": answer["InvokedProductionVariant"],
    "prediction": json.loads(answer["Body"].read()),
}))
"""

PLAIN_SDK = """
import json, os, sys
import boto3
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep

open("script.py", "w").write(
    "import os, sys\\n"
    "open(os.path.join(sys.argv[1], 'greeting.txt'), 'w').write('hello')\\n"
)
session = PipelineSession(boto_session=boto3.Session(), default_bucket="foreign")
boto3.client("s3").create_bucket(Bucket="foreign")
role = "arn:aws:iam::000000000000:role/foreign"
processor = ScriptProcessor(
    image_uri="any:image",
    command=["python3"],
    role=role,
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
)
place = "/opt/ml/processing/output/greeting"
output = ProcessingOutput(
    output_name="greeting",
    s3_output=ProcessingS3Output(s3_uri="s3://foreign/greetings", local_path=place, s3_upload_mode="EndOfJob"),
)
arguments = processor.run(code="script.py", outputs=[output], arguments=[place], wait=False)
pipeline = Pipeline(name="foreign", steps=[ProcessingStep(name="greet", step_args=arguments)], sagemaker_session=session)
pipeline.upsert(role_arn=role)
execution = pipeline.start()
execution.wait(delay=1, max_attempts=60)
body = boto3.client("s3").get_object(Bucket="foreign", Key="greetings/greeting.txt")["Body"].read().decode()
print(json.dumps({"steps": [(step["StepName"], step["StepStatus"]) for step in execution.list_steps()], "greeting": body}))
"""


def run(workspace: Workspace, program: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=workspace.root,
        env=workspace.aws(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_plain_boto3_script_runs_the_pipeline_and_asks_the_endpoint(trained: Trained) -> None:
    workspace, _ = trained

    seen = run(workspace, PLAIN_BOTO3)

    assert seen["status"] == "Succeeded"
    assert set(seen["steps"].values()) == {"Succeeded"}
    assert {"collect", "prepare", "train", "evaluate"} <= set(seen["hits"])
    assert seen["approval"] == "Approved"
    assert len(seen["digest"]) == 64
    assert seen["roc_auc"] > 0.685
    assert seen["variant"] == "AllTraffic"
    assert 0 < seen["prediction"]["predictions"][0]["score"] < 1


def test_a_plain_sdk_script_upserts_starts_waits_and_lists(trained: Trained) -> None:
    workspace, _ = trained

    seen = run(workspace, PLAIN_SDK)

    assert seen == {"steps": [["greet", "Succeeded"]], "greeting": "hello"}
