"""Clients of a local service, and models of `sagelens.testing.models` as releases that can be deployed to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagelens.deployment import EndpointState, Release, ServedModel, Services, Target, read_endpoint
from sagelens.local.lifecycle import Running
from sagelens.testing.models import MadeModel

__all__ = ["BUCKET", "client", "counts_of", "models_folder", "release_of", "servers_folder", "services"]

BUCKET = "models"
"""Where the models lie, and the journals of their deployments."""
_IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/sagelens:1"
_ROLE = "arn:aws:iam::000000000000:role/testing"


def models_folder(project: Path) -> Path:
    """The folder of a project's local service in which a ModelMaker puts its models, so that they lie in the bucket."""
    folder = project / ".sagelens" / "objects" / BUCKET
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def servers_folder(project: Path) -> Path:
    """Where the model servers of a project's local service have a folder each, and leave notes (see `received`)."""
    return project / ".sagelens" / "servers"


def client(name: str, running: Running) -> Any:
    """A boto3 client for this service, whatever the environment says. It does not try again."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        name,
        endpoint_url=f"http://127.0.0.1:{running.s3_port if name == 's3' else running.port}",
        region_name=running.region,
        aws_access_key_id=running.access_key,
        aws_secret_access_key=running.secret_key,
        config=Config(retries={"total_max_attempts": 1}),
    )


def services(running: Running) -> Services:
    return Services(
        sagemaker=client("sagemaker", running),
        cloudwatch=client("cloudwatch", running),
        s3=client("s3", running),
        runtime=client("sagemaker-runtime", running),
    )


def release_of(endpoint: str, model: MadeModel, *, instances: int) -> Release:
    served = ServedModel(
        digest=model.digest,
        image=_IMAGE,
        model_uri=f"s3://{BUCKET}/{model.folder.name}",
        role=_ROLE,
        environment={"SAGELENS_MODEL_DIGEST": model.digest},
    )
    return Release.of(Target(endpoint=endpoint, model=served, instance_count=instances), version=str(model.number))


def counts_of(endpoint: str, services: Services) -> tuple[EndpointState | None, Mapping[str, int | None]]:
    """The endpoint, and the instances of each of its variants, shadows included."""
    state = read_endpoint(endpoint, sagemaker=services.sagemaker)
    shown = (*state.variants, *state.shadows) if state is not None else ()
    return state, {variant.name: variant.instances for variant in shown}
