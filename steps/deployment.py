"""Deployment: an approved package behind a live endpoint, and the proof that it answers."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from sagelens.deployment import (
    Deployed,
    EndpointState,
    Event,
    EventKind,
    Journal,
    Order,
    ServedModel,
    Services,
    ask,
    caller,
    model_data,
    read_endpoint,
    read_questions,
    release_for,
    take_back,
)
from sagelens.deployment import deploy as deploy_release
from sagelens.errors import BadData, StepFailed
from sagelens.project import Deployment as DeploymentSettings
from sagelens.project import EndpointSettings
from sagelens.registry import ModelPackage, check_callers, deployable
from sagelens.values import CloudWatchClient, Placement, RuntimeClient, S3Client, SageMakerClient, StsClient

__all__ = ["Deployment", "SmokeTest", "deploy", "smoke_test"]


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """`outcome` is "landed" or "already landed"; `previous_config` is what served before, where something did.

    `variant` is the new model's where the old one stays beside it. `journal` is the S3 URI of the deployment's record.
    """

    endpoint_name: str
    endpoint_config_name: str
    model_name: str
    model_package_arn: str
    model_digest: str
    model_uri: str
    outcome: str
    previous_config: str | None = None
    variant: str | None = None
    journal: str = ""


@dataclass(frozen=True, kw_only=True)
class SmokeTest:
    """`golden`: whether the rows were the model's golden set, with the scores that were due."""

    endpoint_name: str
    rows: int
    seconds: float
    lowest_score: float
    highest_score: float
    golden: bool = False


def deploy(  # noqa: PLR0913 - what is deployed, how, and a client for each service
    *,
    package: str,
    settings: DeploymentSettings,
    hosting: EndpointSettings,
    role: str,
    placement: Placement,
    bucket: str,
    by: str = "",
    reason: str = "",
    sagemaker: SageMakerClient,
    cloudwatch: CloudWatchClient,
    s3: S3Client,
    runtime: RuntimeClient,
    sts: StsClient,
) -> Deployment:
    """Deploy a package that is approved, unchanged since it was registered, and fit for the endpoint's callers.

    Returns once it is proved to serve. Raises what `sagelens.deployment.deploy` raises.
    """
    approved = deployable(package, sagemaker=sagemaker, s3=s3)
    services = Services(sagemaker=sagemaker, cloudwatch=cloudwatch, s3=s3, runtime=runtime)
    _check_callers(settings, approved, services)
    release = release_for(
        _served(approved, role, placement),
        settings=settings,
        hosting=hosting,
        bucket=bucket,
        package_arn=approved.arn,
        version=str(approved.version or ""),
    )
    order = Order(
        release=release,
        strategies=settings.strategy,
        alarms=settings.alarms,
        minimum_invocations=settings.minimum_invocations,
        on_inconclusive=settings.on_inconclusive,
        keep=settings.keep,
        staging=settings.staging,
        smoke_rows=settings.smoke_rows,
        force=settings.force,
        who=caller(by, sts=sts),
        why=reason,
    )
    done = deploy_release(order, services=services, journal=Journal(s3, bucket, settings.endpoint), told=_told)
    return _result(done, approved)


def smoke_test(
    deployment: Deployment,
    *,
    rows: int,
    s3: S3Client,
    sagemaker: SageMakerClient,
    cloudwatch: CloudWatchClient,
    runtime: RuntimeClient,
) -> SmokeTest:
    """Ask the endpoint for the model's golden set, or its own sample rows. What does not answer properly is taken back.

    Raises RolledBack, or StepFailed where this deployment changed nothing; RollbackFailed.
    """
    questions = read_questions(deployment.model_uri, rows, s3=s3)
    try:
        answers = ask(deployment.endpoint_name, questions, runtime=runtime, variant=deployment.variant)
    except (runtime.exceptions.ClientError, BadData) as error:
        said = f"Endpoint '{deployment.endpoint_name}' failed its smoke test with {deployment.endpoint_config_name}: {error}"
        if not deployment.journal:
            raise StepFailed(f"{said}. It has served for longer than this deployment, so nothing was changed.") from error
        services = Services(sagemaker=sagemaker, cloudwatch=cloudwatch, s3=s3, runtime=runtime)
        raise take_back(deployment.journal, said, services=services, told=_told) from error
    return SmokeTest(
        endpoint_name=deployment.endpoint_name,
        rows=answers.rows,
        seconds=answers.seconds,
        lowest_score=answers.lowest_score,
        highest_score=answers.highest_score,
        golden=answers.golden,
    )


def _check_callers(settings: DeploymentSettings, approved: ModelPackage, services: Services) -> None:
    state = read_endpoint(settings.endpoint, sagemaker=services.sagemaker)
    diff = check_callers(
        _serving(state, settings.variant, services),
        approved.model_uri,
        allow_breaking=settings.allow_breaking,
        s3=services.s3,
    )
    if diff.breaking:
        warnings.warn(f"Deployed although it breaks callers: {'; '.join(diff.breaking)}", stacklevel=2)


def _serving(state: EndpointState | None, variant: str, services: Services) -> str:
    """The S3 prefix of the model that serves; empty where none does."""
    if state is None or not state.config or state.status in {"Creating", "Failed"}:
        return ""
    return model_data(state.config, variant, sagemaker=services.sagemaker)


def _served(package: ModelPackage, role: str, placement: Placement) -> ServedModel:
    return ServedModel(
        digest=package.digest,
        image=package.image,
        model_uri=package.model_uri,
        role=role,
        environment=package.environment,
        placement=placement,
    )


def _told(event: Event) -> None:
    if event.kind is EventKind.WARNING:
        warnings.warn(event.message, stacklevel=2)


def _result(done: Deployed, package: ModelPackage) -> Deployment:
    return Deployment(
        endpoint_name=done.endpoint,
        endpoint_config_name=done.config,
        model_name=done.model,
        model_package_arn=package.arn,
        model_digest=package.digest,
        model_uri=package.model_uri,
        outcome="landed" if done.changed else "already landed",
        previous_config=done.previous_config,
        variant=done.variant,
        journal=done.journal,
    )
