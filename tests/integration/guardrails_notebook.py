"""The flow of a deployment-guardrails notebook, as one who knows only AWS's documentation would write it.

Usage: python guardrails_notebook.py BUCKET GOOD_MODEL BETTER_MODEL BROKEN_MODEL

Nothing but boto3: where its clients point is decided by AWS's environment variables. The models are folders, which are uploaded.
For canary, linear and rolling it updates the endpoint to the broken model, under an alarm and with traffic, and sees it rolled
back; then to a sound one, and sees it land. What it saw is printed as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import boto3

ENDPOINT = "guarded"
VARIANT = "AllTraffic"
ALARM = "guarded-5xx"
ROLE = "arn:aws:iam::000000000000:role/notebook"
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/notebook:1"
WAIT = 180
ROLLBACK = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": ALARM}]}}

sagemaker = boto3.client("sagemaker")
runtime = boto3.client("sagemaker-runtime")
cloudwatch = boto3.client("cloudwatch")
s3 = boto3.client("s3")


def main() -> None:
    bucket, good, better, broken = sys.argv[1:]
    s3.create_bucket(Bucket=bucket)
    configs = [prepare(bucket, name, Path(folder)) for name, folder in (("good", good), ("better", better), ("broken", broken))]
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=configs[0])
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    create_alarm()
    seen: list[dict[str, Any]] = []
    serving, other, bad = configs
    for kind, policy in policies().items():
        seen.append({"kind": kind, "to": bad, **update(bad, policy)})
        quiet()
        seen.append({"kind": kind, "to": other, **update(other, policy)})
        serving, other = other, serving
    print(json.dumps(seen))
    clean_up(configs)


def prepare(bucket: str, name: str, folder: Path) -> str:
    """Upload a model; create it and an endpoint config for three instances of it."""
    for file in filter(Path.is_file, folder.rglob("*")):
        s3.upload_file(str(file), bucket, f"{name}/{file.relative_to(folder).as_posix()}")
    source = {"S3Uri": f"s3://{bucket}/{name}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {
        "VariantName": VARIANT,
        "ModelName": name,
        "InstanceType": "ml.c5.xlarge",
        "InitialInstanceCount": 3,
        "InitialVariantWeight": 1.0,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-config", ProductionVariants=[variant])
    return f"{name}-config"


def create_alarm() -> None:
    dimensions = {"EndpointName": ENDPOINT, "VariantName": VARIANT}
    cloudwatch.put_metric_alarm(
        AlarmName=ALARM,
        AlarmDescription="Requests that the model failed",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )


def policies() -> dict[str, dict[str, Any]]:
    one = {"Type": "INSTANCE_COUNT", "Value": 1}
    canary = {"Type": "CANARY", "CanarySize": one, "WaitIntervalInSeconds": WAIT}
    linear = {"Type": "LINEAR", "LinearStepSize": one, "WaitIntervalInSeconds": WAIT}
    ending = {"TerminationWaitInSeconds": WAIT, "MaximumExecutionTimeoutInSeconds": 1800}
    rolling = {"MaximumBatchSize": one, "WaitIntervalInSeconds": WAIT, "MaximumExecutionTimeoutInSeconds": 1800}
    return {
        "canary": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": canary, **ending}, **ROLLBACK},
        "linear": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": linear, **ending}, **ROLLBACK},
        "rolling": {"RollingUpdatePolicy": rolling, **ROLLBACK},
    }


def update(config: str, policy: dict[str, Any]) -> dict[str, Any]:
    """Update the endpoint and send it traffic until it has settled; what was seen on the way."""
    rung = times_rung()
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=config, DeploymentConfig=policy)
    before = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    answers: dict[str, int] = {}
    while (described := sagemaker.describe_endpoint(EndpointName=ENDPOINT))["EndpointStatus"] == "Updating":
        for _ in range(5):
            answer = ask()
            answers[answer] = answers.get(answer, 0) + 1
            time.sleep(0.02)
    after = {ask() for _ in range(12)}
    return {
        "during": [
            before["EndpointStatus"],
            before["EndpointConfigName"],
            before["PendingDeploymentSummary"]["EndpointConfigName"],
        ],
        "status": described["EndpointStatus"],
        "config": described["EndpointConfigName"],
        "pending": "PendingDeploymentSummary" in described,
        "policy": described.get("LastDeploymentConfig"),
        "answers": answers,
        "after": sorted(after),
        "rung": times_rung() - rung,
    }


def ask() -> str:
    """The score of one row, or the name of the error."""
    try:
        answer = runtime.invoke_endpoint(EndpointName=ENDPOINT, ContentType="application/json", Body=b'{"request": 1}')
    except runtime.exceptions.ModelError as error:
        return str(error.response["Error"]["Code"])
    return str(json.loads(answer["Body"].read())["predictions"][0]["score"])


def times_rung() -> int:
    """How often the alarm went to ALARM so far."""
    history = cloudwatch.describe_alarm_history(AlarmName=ALARM, HistoryItemType="StateUpdate", ScanBy="TimestampDescending")
    return sum(item["HistorySummary"].endswith("to ALARM") for item in history["AlarmHistoryItems"])


def quiet() -> None:
    """Wait until the alarm no longer rings: an endpoint is not updated under an alarm that does."""
    while cloudwatch.describe_alarms(AlarmNames=[ALARM])["MetricAlarms"][0]["StateValue"] == "ALARM":
        ask()
        time.sleep(0.2)


def clean_up(configs: list[str]) -> None:
    sagemaker.delete_endpoint(EndpointName=ENDPOINT)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    for config in configs:
        sagemaker.delete_endpoint_config(EndpointConfigName=config)
        sagemaker.delete_model(ModelName=config.removesuffix("-config"))
    cloudwatch.delete_alarms(AlarmNames=[ALARM])


if __name__ == "__main__":
    main()
