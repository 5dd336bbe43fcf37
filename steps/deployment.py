"""Deployment: an approved package behind a live endpoint, and the proof that it answers."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sagelens.deployment import Deployed, ServedModel, Target, roll_back
from sagelens.deployment import deploy as deploy_target
from sagelens.errors import BadData, RolledBack, StepFailed
from sagelens.registry import deployable
from sagelens.values import RuntimeClient, S3Client, SageMakerClient

__all__ = ["Deployment", "SmokeTest", "deploy", "smoke_test"]


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """`outcome` is "landed" or "already landed"; `previous_config` is what served before, where something did."""

    endpoint_name: str
    endpoint_config_name: str
    model_name: str
    model_package_arn: str
    model_digest: str
    model_uri: str
    outcome: str
    previous_config: str | None = None


@dataclass(frozen=True, kw_only=True)
class SmokeTest:
    endpoint_name: str
    rows: int
    seconds: float
    lowest_score: float
    highest_score: float


def deploy(  # noqa: PLR0913 - one setting of the endpoint each
    *,
    package: str,
    endpoint: str,
    variant: str = "AllTraffic",
    instance_type: str = "ml.m5.large",
    instance_count: int = 1,
    role: str,
    sagemaker: SageMakerClient,
    s3: S3Client,
) -> Deployment:
    """Deploy a package that is approved and unchanged since it was registered; return once it is proved to serve."""
    approved = deployable(package, sagemaker=sagemaker, s3=s3)
    model = ServedModel(
        digest=approved.digest,
        image=approved.image,
        model_uri=approved.model_uri,
        role=role,
        environment=approved.environment,
    )
    target = Target(endpoint=endpoint, model=model, variant=variant, instance_type=instance_type, instance_count=instance_count)
    done: Deployed = deploy_target(target, sagemaker=sagemaker)
    return Deployment(
        endpoint_name=done.endpoint,
        endpoint_config_name=done.config,
        model_name=done.model,
        model_package_arn=approved.arn,
        model_digest=approved.digest,
        model_uri=approved.model_uri,
        outcome="landed" if done.changed else "already landed",
        previous_config=done.previous_config,
    )


def smoke_test(
    deployment: Deployment, *, rows: int, s3: S3Client, sagemaker: SageMakerClient, runtime: RuntimeClient
) -> SmokeTest:
    """Ask the endpoint for the model's own sample rows. What does not answer properly is taken back.

    Raises RolledBack, or StepFailed where this deployment changed nothing; RollbackFailed.
    """
    instances = _sample(deployment.model_uri, rows, s3)
    started = time.perf_counter()
    try:
        scores = _ask(deployment.endpoint_name, instances, runtime)
    except (runtime.exceptions.ClientError, BadData) as error:
        said = f"Endpoint '{deployment.endpoint_name}' failed its smoke test with {deployment.endpoint_config_name}: {error}"
        raise _take_back(deployment, said, sagemaker) from error
    return SmokeTest(
        endpoint_name=deployment.endpoint_name,
        rows=len(scores),
        seconds=round(time.perf_counter() - started, 4),
        lowest_score=min(scores),
        highest_score=max(scores),
    )


def _sample(model_uri: str, rows: int, s3: S3Client) -> list[dict[str, Any]]:
    bucket, _, prefix = model_uri.removeprefix("s3://").partition("/")
    key = f"{prefix.rstrip('/')}/sample.jsonl"
    lines = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode().splitlines()
    instances = [json.loads(line) for line in islice(filter(str.strip, lines), rows)]
    if not instances:
        raise BadData(
            f"s3://{bucket}/{key} holds no rows to ask the endpoint for. Package the model with rows of its training table."
        )
    return instances


def _ask(endpoint: str, instances: list[dict[str, Any]], runtime: RuntimeClient) -> list[float]:
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint,
        ContentType="application/json",
        Accept="application/json",
        Body=json.dumps({"instances": instances}).encode(),
    )
    body = answer["Body"].read()
    try:
        predictions = json.loads(body)["predictions"]
        scores = [float(prediction["score"]) for prediction in predictions]
        labelled = all(isinstance(prediction["label"], bool) for prediction in predictions)
    except (ValueError, KeyError, TypeError) as error:
        raise BadData(f"it answered {body[:200]!r}, not a list of predictions with score and label") from error
    if len(scores) != len(instances) or not labelled or not all(0 <= score <= 1 for score in scores):
        raise BadData(f"it answered {body[:200]!r} to {len(instances)} rows; one score from 0 to 1 and one label a row were due")
    return scores


def _take_back(deployment: Deployment, said: str, sagemaker: SageMakerClient) -> RolledBack | StepFailed:
    """Undo what this deployment changed, and nothing else."""
    if deployment.outcome != "landed":
        return StepFailed(f"{said}. It has served for longer than this deployment, so nothing was changed.")
    if deployment.previous_config:
        roll_back(deployment.endpoint_name, deployment.previous_config, sagemaker=sagemaker)
        return RolledBack(f"{said}. The endpoint serves {deployment.previous_config} again.")
    sagemaker.delete_endpoint(EndpointName=deployment.endpoint_name)
    return RolledBack(f"{said}. The endpoint was new, so it was deleted.")
