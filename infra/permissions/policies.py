"""What each role may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from infra.permissions import blocks, people
from infra.permissions.grant import Grant, Reason
from infra.permissions.place import Place, Purpose, Role

__all__ = ["PURPOSES", "grants"]

PURPOSES: Mapping[Role, str] = {
    Role.PROCESSING: "processing jobs of steps that call nothing: they read their channels and write their outputs",
    Role.TRAINING: "training jobs: they read their channels and write models",
    Role.TRANSFORM: "models of batch scoring: they read rows and write scores",
    Role.REGISTRATION: "the steps that compare with the champion and register a model",
    Role.SCORING: "the step that finds the approved model and makes it ready for batch scoring",
    Role.DEPLOYMENT: "the steps that deploy a model, watch it, ask it and take it back",
    Role.ENDPOINT: "model servers behind the endpoint",
    Role.EXECUTION: "executions of pipelines: they start, follow and stop jobs",
    Role.EVENTS: "the function that starts pipelines for events",
    Role.FRONT: "API Gateway: it asks the endpoint",
    Role.CI: "GitHub's workflows: they push the image, publish pipelines, start and follow them",
    Role.APPROVER: "people who approve and reject models (`sagelens models approve`), and change nothing else",
    Role.OPERATOR: "people who put an earlier model back (`sagelens rollback`); they can neither train nor approve",
}
"""Whom a role is for."""

_PASSED = (Role.PROCESSING, Role.TRAINING, Role.REGISTRATION, Role.SCORING, Role.DEPLOYMENT)
_JOBS = Reason("SageMaker Pipelines names jobs after the execution, with a random end.")


def grants(role: Role, place: Place) -> tuple[Grant, ...]:
    return _OF[role](place)


def _job(place: Place, group: str, *, outputs: tuple[str, ...]) -> tuple[Grant, ...]:
    pipelines = tuple(place.pipeline(name) for name in place.settings.pipelines)
    return (
        *blocks.pulls_image(place),
        *blocks.writes_logs(place, group),
        *blocks.publishes(group),
        *blocks.joins_network(place),
        *blocks.encrypts_volumes(place),
        *blocks.uses_data_key(place, writes=True),
        *blocks.lists(place),
        *blocks.reads(place, "code", *pipelines, *(() if "raw" not in outputs else ("sources", "raw"))),
        *blocks.writes(place, *outputs),
    )


def _processing(place: Place) -> tuple[Grant, ...]:
    arrived = (
        Grant(actions=("s3:GetObject",), resources=(place.arrived("*"),), wide=blocks.OBJECTS),
        Grant(actions=("s3:ListBucket",), resources=(f"arn:aws:s3:::{place.data_bucket}",)),
    )
    outputs = tuple(place.pipeline(name) for name in place.settings.pipelines)
    return (*_job(place, "ProcessingJobs", outputs=(*outputs, "raw")), *arrived)


def _training(place: Place) -> tuple[Grant, ...]:
    return _job(place, "TrainingJobs", outputs=(place.pipeline("training"),))


def _transform(place: Place) -> tuple[Grant, ...]:
    return _job(place, "TransformJobs", outputs=(place.pipeline("scoring"),))


def _registration(place: Place) -> tuple[Grant, ...]:
    """Where people approve, what trains can only ask them to: a model is registered as one that waits."""
    group = place.settings.model_package_group
    package, itself = place.sagemaker(f"model-package/{group}/*"), place.sagemaker(f"model-package-group/{group}")
    automatic = place.environment.approval == "automatic"
    registered = {"StringEquals": {people.APPROVAL: ("Approved", "PendingManualApproval") if automatic else people.WAITING}}
    approves = (
        Grant(
            actions=("sagemaker:UpdateModelPackage",),
            resources=(package,),
            conditions={"StringEquals": {people.APPROVAL: "Approved"}},
            wide=blocks.VERSIONS,
        ),
    )
    return (
        *_job(place, "ProcessingJobs", outputs=(place.pipeline("training"),)),
        *blocks.reads_packages(place),
        Grant(
            actions=("sagemaker:CreateModelPackage",),
            resources=(package, itself),
            conditions=registered,
            wide=blocks.VERSIONS,
        ),
        *(approves if automatic else ()),
        Grant(actions=("sagemaker:AddTags", "sagemaker:CreateModelPackageGroup"), resources=(itself,)),
    )


def _makes_models(place: Place, prefix: str, role: Role) -> tuple[Grant, ...]:
    models = (place.sagemaker(f"model/{prefix}-*"),)
    return (
        Grant(
            actions=("sagemaker:CreateModel",), resources=models, conditions={"Null": blocks.NAMES_SUBNETS}, wide=blocks.DIGESTS
        ),
        Grant(actions=("sagemaker:AddTags", "sagemaker:DescribeModel"), resources=models, wide=blocks.DIGESTS),
        *blocks.passes(place, role),
    )


def _scoring(place: Place) -> tuple[Grant, ...]:
    return (
        *_job(place, "ProcessingJobs", outputs=(place.pipeline("scoring"),)),
        *blocks.reads_packages(place),
        *_makes_models(place, place.settings.model_package_group, Role.TRANSFORM),
    )


def _deployment(place: Place) -> tuple[Grant, ...]:
    endpoint = place.settings.endpoint
    journal = f"deployments/{endpoint}"
    packages = blocks.reads_packages(place, lists=False)
    return (
        *_job(place, "ProcessingJobs", outputs=(place.pipeline("deployment"),)),
        *packages,
        *_makes_models(place, endpoint, Role.ENDPOINT),
        *_moves_endpoints(place),
        *blocks.watches_rollouts(place),
        *blocks.reads(place, journal),
        *blocks.writes(place, journal),
    )


def _moves_endpoints(place: Place) -> tuple[Grant, ...]:
    name = place.settings.endpoint
    live, staging = place.sagemaker(f"endpoint/{name}"), place.sagemaker(f"endpoint/{name}-staging-*")
    return (
        Grant(
            actions=(
                "sagemaker:AddTags",
                "sagemaker:CreateEndpoint",
                "sagemaker:DeleteEndpoint",
                "sagemaker:DescribeEndpoint",
                "sagemaker:InvokeEndpoint",
            ),
            resources=(live, staging),
            wide=blocks.DIGESTS,
        ),
        Grant(actions=("sagemaker:UpdateEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities"), resources=(live,)),
        *blocks.changes_configs(place),
        *blocks.removes_models(place),
        *blocks.sees_endpoints(),
    )


def _endpoint(place: Place) -> tuple[Grant, ...]:
    return (
        *blocks.pulls_image(place),
        *blocks.writes_logs(place, f"Endpoints/{place.settings.endpoint}*"),
        *blocks.publishes("Endpoints"),
        *blocks.joins_network(place),
        *blocks.uses_data_key(place, writes=True),
        *blocks.lists(place),
        *blocks.reads(place, place.pipeline("training")),
        *blocks.writes(place, f"captured/{place.settings.endpoint}"),
        Grant(
            actions=("cloudwatch:DescribeAlarms",),
            resources=("*",),
            wide=Reason("SageMaker watches the alarms of a rollout under this role, composite ones included."),
        ),
    )


def _execution(place: Place) -> tuple[Grant, ...]:
    outputs = tuple(place.pipeline(name) for name in place.settings.pipelines)
    return (
        *(grant for kind in ("Processing", "Training", "Transform") for grant in _runs(kind, place)),
        *blocks.passes(place, *_PASSED),
        *blocks.reads(place, *outputs),
        *blocks.uses_data_key(place, writes=False),
    )


def _runs(kind: str, place: Place) -> tuple[Grant, ...]:
    """A transform job runs where its model does, which was made to run in the network."""
    jobs = (place.sagemaker(f"{kind.lower()}-job/pipelines-*"),)
    rest = ("sagemaker:AddTags", f"sagemaker:Describe{kind}Job", f"sagemaker:Stop{kind}Job")
    named = blocks.NAMES_KEY if kind == "Transform" else {**blocks.NAMES_SUBNETS, **blocks.NAMES_KEY}
    return (
        Grant(actions=(f"sagemaker:Create{kind}Job",), resources=jobs, conditions={"Null": named}, wide=_JOBS),
        Grant(actions=rest, resources=jobs, wide=_JOBS),
    )


def _events(place: Place) -> tuple[Grant, ...]:
    """Lists the data that a run is for, and writes what it could not start into the queue."""
    started = tuple(place.sagemaker(f"pipeline/{place.pipeline(name)}") for name in ("training", "deployment"))
    return (
        Grant(actions=("sagemaker:DescribePipeline", "sagemaker:StartPipelineExecution"), resources=started),
        *blocks.reads_packages(place, lists=False),
        Grant(actions=("s3:ListBucket",), resources=(f"arn:aws:s3:::{place.data_bucket}",)),
        Grant(actions=("sqs:SendMessage",), resources=(place.arn("sqs", place.undelivered),)),
        Grant(actions=("kms:Decrypt", "kms:GenerateDataKey"), resources=(place.keys[Purpose.LOGS],)),
        Grant(
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resources=(place.arn("logs", f"log-group:/aws/lambda/{place.starter}:*"),),
            wide=Reason("Lambda names the streams of a function after the hosts that run it."),
        ),
    )


def _front(place: Place) -> tuple[Grant, ...]:
    asked = place.sagemaker(f"endpoint/{place.settings.endpoint}")
    return (Grant(actions=("sagemaker:InvokeEndpoint",), resources=(asked,)),)


def _ci(place: Place) -> tuple[Grant, ...]:
    pipelines = tuple(place.sagemaker(f"pipeline/{place.pipeline(name)}") for name in place.settings.pipelines)
    names = tuple(place.pipeline(name) for name in place.settings.pipelines)
    endpoint = place.settings.endpoint
    return (
        *_pushes_image(place),
        *blocks.lists(place),
        Grant(actions=("s3:ListBucket",), resources=(f"arn:aws:s3:::{place.data_bucket}",)),
        *blocks.reads(place, *names, f"deployments/{endpoint}", f"deployments-observed/{endpoint}"),
        *blocks.writes(place, "code", "sources", *names, f"deployments-observed/{endpoint}"),
        Grant(actions=("kms:Decrypt", "kms:GenerateDataKey"), resources=(place.keys[Purpose.DATA],)),
        *blocks.reads_packages(place),
        *_looks_on(place),
        Grant(
            actions=(
                "sagemaker:AddTags",
                "sagemaker:CreatePipeline",
                "sagemaker:DescribePipeline",
                "sagemaker:StartPipelineExecution",
                "sagemaker:UpdatePipeline",
            ),
            resources=pipelines,
        ),
        Grant(
            actions=(
                "sagemaker:DescribePipelineDefinitionForExecution",
                "sagemaker:DescribePipelineExecution",
                "sagemaker:ListPipelineExecutionSteps",
                "sagemaker:ListPipelineParametersForExecution",
                "sagemaker:StopPipelineExecution",
            ),
            resources=tuple(f"{pipeline}/execution/*" for pipeline in pipelines),
            wide=Reason("Executions get random names when they start."),
        ),
        Grant(actions=("sagemaker:ListEndpoints", "sagemaker:ListPipelineExecutions"), resources=("*",), wide=blocks.LISTING),
        *blocks.passes(place, Role.EXECUTION),
        *(
            Grant(
                actions=(f"sagemaker:Describe{noun}Job",),
                resources=(place.sagemaker(f"{noun.lower()}-job/pipelines-*"),),
                wide=_JOBS,
            )
            for noun in ("Processing", "Training", "Transform")
        ),
        Grant(
            actions=("logs:DescribeLogStreams", "logs:GetLogEvents"),
            resources=tuple(
                place.arn("logs", f"log-group:/aws/sagemaker/{group}:*")
                for group in ("ProcessingJobs", "TrainingJobs", "TransformJobs")
            ),
            wide=Reason("SageMaker names the streams after jobs that do not exist yet."),
        ),
    )


def _looks_on(place: Place) -> tuple[Grant, ...]:
    """The live view of a deployment."""
    own = place.arn("cloudwatch", f"alarm:{place.settings.endpoint}-*")
    return (
        Grant(actions=("cloudwatch:DescribeAlarmHistory",), resources=(own,), wide=blocks.DIGESTS),
        Grant(actions=("cloudwatch:GetMetricData",), resources=("*",), wide=blocks.NO_RESOURCES),
    )


def _pushes_image(place: Place) -> tuple[Grant, ...]:
    token, pulled = blocks.pulls_image(place)
    pushed = ("ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart")
    return (token, Grant(actions=(*pulled.actions, *pushed), resources=pulled.resources))


_OF: Mapping[Role, Callable[[Place], tuple[Grant, ...]]] = {
    Role.PROCESSING: _processing,
    Role.TRAINING: _training,
    Role.TRANSFORM: _transform,
    Role.REGISTRATION: _registration,
    Role.SCORING: _scoring,
    Role.DEPLOYMENT: _deployment,
    Role.ENDPOINT: _endpoint,
    Role.EXECUTION: _execution,
    Role.EVENTS: _events,
    Role.FRONT: _front,
    Role.CI: _ci,
    Role.APPROVER: people.approver,
    Role.OPERATOR: people.operator,
}
