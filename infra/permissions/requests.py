"""The requests that our code sends to AWS, as a reviewed list: module, boto3 method, who runs it, and what it touches.

A test reads the sources and says which call is missing here, or stands here no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from infra.permissions.evaluate import Need
from infra.permissions.people import APPROVAL, DECISIONS, WAITING
from infra.permissions.place import Place, Purpose, Role

__all__ = ["CALLS", "Call", "needs_of_code"]


@dataclass(frozen=True)
class Call:
    """`touches` are resources by the short names of `_resources`; none for what needs no permission.

    Without `roles` it is a person's call, under an identity that this app does not make, or one that `why` explains.
    """

    module: str
    method: str
    roles: tuple[Role, ...] = ()
    touches: tuple[str, ...] = ()
    why: str = ""


_PERSON = "people do this, under identities of their own"
_BOTH = (Role.DEPLOYMENT, Role.SCORING)
_ROLLS = (Role.DEPLOYMENT, Role.OPERATOR)
"""A deployment is rolled out by its step, and a rollback by who asks for it: with the same code."""

CALLS: tuple[Call, ...] = (
    Call("infra/functions/starter.py", "describe_model_package", (Role.EVENTS,), ("package",)),
    Call("infra/functions/starter.py", "describe_pipeline", (Role.EVENTS,), ("started",)),
    Call("infra/functions/starter.py", "list_objects_v2", (Role.EVENTS,), ("data bucket",)),
    Call("infra/functions/starter.py", "start_pipeline_execution", (Role.EVENTS,), ("started",)),
    Call(
        "sagelens/aws/follower.py", "describe_log_streams", (Role.CI,), ("processing group", "training group", "transform group")
    ),
    Call("sagelens/aws/follower.py", "describe_pipeline_definition_for_execution", (Role.CI,), ("execution",)),
    Call("sagelens/aws/follower.py", "describe_pipeline_execution", (Role.CI,), ("execution",)),
    Call("sagelens/aws/follower.py", "describe_processing_job", (Role.CI,), ("processing job",)),
    Call("sagelens/aws/follower.py", "describe_training_job", (Role.CI,), ("training job",)),
    Call("sagelens/aws/follower.py", "describe_transform_job", (Role.CI,), ("transform job",)),
    Call("sagelens/aws/follower.py", "get_object", (Role.CI,), ("step output", "step.json")),
    Call("sagelens/aws/follower.py", "head_object", (Role.CI,), ("step output",)),
    Call("sagelens/aws/follower.py", "list_pipeline_execution_steps", (Role.CI,), ("execution",)),
    Call("sagelens/aws/follower.py", "list_pipeline_parameters_for_execution", (Role.CI,), ("execution",)),
    Call("sagelens/aws/follower.py", "put_object", (Role.CI,), ("step output",)),
    Call("sagelens/aws/image_push.py", "batch_get_image", why=_PERSON),
    Call("sagelens/aws/image_push.py", "get_authorization_token", why=_PERSON),
    Call("sagelens/aws/refusals.py", "get_caller_identity", why="STS answers everybody; another account is refused by us"),
    Call("sagelens/aws/refusals.py", "head_bucket", (Role.CI,), ("bucket",)),
    Call("sagelens/aws/tracking.py", "get_object", (Role.CI,), ("step output",)),
    Call("sagelens/aws/tracking.py", "list_objects_v2", (Role.CI,), ("bucket",)),
    Call("sagelens/cli/aws.py", "get_log_events", (Role.CI,), ("processing log", "training log", "transform log")),
    Call("sagelens/cli/commands/debug.py", "describe_processing_job", why=_PERSON),
    Call("sagelens/cli/commands/debug.py", "describe_training_job", why=_PERSON),
    Call("sagelens/cli/commands/endpoints.py", "describe_endpoint", why=_PERSON),
    Call("sagelens/cli/commands/endpoints.py", "invoke_endpoint", why=_PERSON),
    Call("sagelens/cli/commands/example.py", "describe_model_package", why=_PERSON),
    Call("sagelens/cli/commands/example.py", "get_object", why=_PERSON),
    Call("sagelens/cli/commands/models.py", "describe_model_package", (Role.CI, Role.APPROVER), ("package",)),
    Call("sagelens/cli/commands/models.py", "list_model_packages", (Role.CI, Role.APPROVER), ("*",)),
    Call("sagelens/cli/commands/report.py", "get_object", (Role.CI,), ("step output",)),
    Call("sagelens/cli/commands/run.py", "describe_model_package", (Role.CI,), ("package",)),
    Call("sagelens/cli/commands/runs.py", "get_log_events", (Role.CI,), ("processing log", "training log", "transform log")),
    Call("sagelens/cli/commands/traffic.py", "invoke_endpoint", why=_PERSON),
    Call("sagelens/cli/deployment_metrics.py", "describe_alarm_history", (Role.CI, Role.OPERATOR), ("rollout alarm",)),
    Call("sagelens/cli/deployment_metrics.py", "get_metric_data", (Role.CI, Role.OPERATOR), ("*",)),
    Call("sagelens/cli/deployment_metrics.py", "put_object", (Role.CI, Role.OPERATOR), ("observed",)),
    Call("sagelens/cli/deployment_run.py", "list_endpoints", (Role.CI, Role.OPERATOR), ("*",)),
    Call("sagelens/cli/execution.py", "describe_pipeline_execution", (Role.CI,), ("execution",)),
    Call("sagelens/cli/execution.py", "list_pipeline_executions", (Role.CI,), ("*",)),
    Call("sagelens/cli/execution.py", "start_pipeline_execution", (Role.CI,), ("pipeline",)),
    Call("sagelens/cli/execution.py", "stop_pipeline_execution", (Role.CI,), ("execution",)),
    Call("sagelens/cli/names.py", "list_endpoints", why=_PERSON),
    Call("sagelens/cli/objects.py", "get_object", (Role.CI,), ("step output", "journal", "observed")),
    Call("sagelens/cli/objects.py", "get_object", (Role.OPERATOR,), ("observed",)),
    Call("sagelens/cli/objects.py", "get_object", (Role.APPROVER,), ("model file",)),
    Call("sagelens/cli/objects.py", "list_objects_v2", (Role.CI,), ("bucket",)),
    Call("sagelens/cli/sources.py", "list_objects_v2", (Role.CI,), ("data bucket",)),
    Call(
        "sagelens/data/sources.py", "download_file", why="only `sagelens` on a laptop reads sources so; jobs get them as channels"
    ),
    Call(
        "sagelens/data/sources.py",
        "list_objects_v2",
        why="only `sagelens` on a laptop reads sources so; jobs get them as channels",
    ),
    Call("sagelens/deployment/alarms.py", "delete_alarms", _ROLLS, ("rollout alarm",)),
    Call("sagelens/deployment/alarms.py", "describe_alarm_history", _ROLLS, ("any alarm",)),
    Call("sagelens/deployment/alarms.py", "describe_alarms", _ROLLS, ("*",)),
    Call("sagelens/deployment/alarms.py", "put_metric_alarm", _ROLLS, ("rollout alarm",)),
    Call("sagelens/deployment/checks.py", "get_object", (Role.DEPLOYMENT,), ("model file",)),
    Call("sagelens/deployment/checks.py", "invoke_endpoint", (Role.DEPLOYMENT,), ("endpoint", "staging endpoint")),
    Call("sagelens/deployment/content.py", "get_object", _ROLLS, ("model file",)),
    Call("sagelens/deployment/content.py", "head_object", _ROLLS, ("model file",)),
    Call("sagelens/deployment/content.py", "list_objects_v2", _ROLLS, ("bucket",)),
    Call("sagelens/deployment/endpoint.py", "describe_endpoint", _ROLLS, ("endpoint", "staging endpoint")),
    Call("sagelens/deployment/follow.py", "update_endpoint", _ROLLS, ("endpoint", "endpoint config")),
    Call("sagelens/deployment/journal.py", "get_object", (*_ROLLS, Role.CI), ("journal",)),
    Call("sagelens/deployment/journal.py", "list_objects_v2", (*_ROLLS, Role.CI), ("bucket",)),
    Call("sagelens/deployment/journal.py", "put_object", _ROLLS, ("journal",)),
    Call("sagelens/deployment/keep.py", "delete_endpoint_config", _ROLLS, ("endpoint config",)),
    Call("sagelens/deployment/keep.py", "delete_model", _ROLLS, ("model",)),
    Call("sagelens/deployment/keep.py", "describe_endpoint", _ROLLS, ("endpoint",)),
    Call("sagelens/deployment/keep.py", "describe_endpoint_config", _ROLLS, ("endpoint config",)),
    Call("sagelens/deployment/keep.py", "list_endpoint_configs", _ROLLS, ("*",)),
    Call("sagelens/deployment/keep.py", "list_endpoints", _ROLLS, ("*",)),
    Call("sagelens/deployment/metrics.py", "get_metric_statistics", _ROLLS, ("*",)),
    Call("sagelens/deployment/models.py", "create_endpoint_config", _ROLLS, ("endpoint config",)),
    Call("sagelens/deployment/models.py", "create_model", _BOTH, ("model",)),
    Call("sagelens/deployment/models.py", "describe_endpoint_config", _ROLLS, ("endpoint config",)),
    Call("sagelens/deployment/models.py", "describe_model", _BOTH, ("model",)),
    Call("sagelens/deployment/rollout.py", "create_endpoint", _ROLLS, ("endpoint", "endpoint config")),
    Call("sagelens/deployment/rollout.py", "delete_endpoint", _ROLLS, ("endpoint",)),
    Call("sagelens/deployment/staging.py", "create_endpoint", (Role.DEPLOYMENT,), ("staging endpoint", "endpoint config")),
    Call("sagelens/deployment/staging.py", "delete_endpoint", _ROLLS, ("staging endpoint",)),
    Call("sagelens/deployment/staging.py", "delete_endpoint_config", _ROLLS, ("endpoint config",)),
    Call("sagelens/deployment/staging.py", "describe_endpoint", _ROLLS, ("staging endpoint",)),
    Call("sagelens/deployment/staging.py", "list_endpoints", _ROLLS, ("*",)),
    Call("sagelens/deployment/take_back.py", "delete_endpoint", (Role.DEPLOYMENT,), ("endpoint",)),
    Call("sagelens/deployment/trial.py", "update_endpoint_weights_and_capacities", _ROLLS, ("endpoint",)),
    Call("sagelens/deployment/who.py", "get_caller_identity", why="STS answers everybody; a refusal is no error here"),
    Call("sagelens/evaluation/champion.py", "describe_model_package", (Role.REGISTRATION,), ("package",)),
    Call("sagelens/evaluation/champion.py", "get_object", (Role.REGISTRATION,), ("model file",)),
    Call("sagelens/evaluation/champion.py", "list_model_packages", (Role.REGISTRATION,), ("*",)),
    Call("sagelens/evaluation/champion.py", "list_objects_v2", (Role.REGISTRATION,), ("bucket",)),
    Call("sagelens/pipeline/compose.py", "create_bucket", why="the bucket is made here, so it is never missing"),
    Call("sagelens/pipeline/compose.py", "create_pipeline", (Role.CI,), ("pipeline",)),
    Call("sagelens/pipeline/compose.py", "describe_pipeline", (Role.CI,), ("pipeline",)),
    Call("sagelens/pipeline/compose.py", "head_bucket", (Role.CI,), ("bucket",)),
    Call("sagelens/pipeline/compose.py", "head_object", (Role.CI,), ("definition",)),
    Call("sagelens/pipeline/compose.py", "put_object", (Role.CI,), ("definition", "code", "source", "step.json")),
    Call("sagelens/pipeline/compose.py", "update_pipeline", (Role.CI,), ("pipeline",)),
    Call("sagelens/pipeline/compose.py", "upload_file", (Role.CI,), ("source",)),
    Call("sagelens/registry/approval.py", "update_model_package", (Role.APPROVER, Role.REGISTRATION), ("package",)),
    Call("sagelens/registry/proof.py", "get_object", _BOTH, ("model file",)),
    Call("sagelens/registry/register.py", "create_model_package", (Role.REGISTRATION,), ("package", "group")),
    Call("sagelens/registry/register.py", "create_model_package_group", (Role.REGISTRATION,), ("group",)),
    Call("sagelens/registry/schema.py", "get_object", (Role.DEPLOYMENT,), ("model file",)),
    Call(
        "sagelens/registry/search.py", "describe_model_package", (*_BOTH, Role.REGISTRATION, Role.CI, Role.APPROVER), ("package",)
    ),
    Call("sagelens/registry/search.py", "list_model_packages", (Role.SCORING, Role.REGISTRATION, Role.CI), ("*",)),
)

_ACTIONS: Mapping[str, str] = {
    "delete_alarms": "cloudwatch:DeleteAlarms",
    "describe_alarm_history": "cloudwatch:DescribeAlarmHistory",
    "describe_alarms": "cloudwatch:DescribeAlarms",
    "describe_log_streams": "logs:DescribeLogStreams",
    "get_log_events": "logs:GetLogEvents",
    "get_metric_data": "cloudwatch:GetMetricData",
    "get_metric_statistics": "cloudwatch:GetMetricStatistics",
    "get_object": "s3:GetObject",
    "head_bucket": "s3:ListBucket",
    "head_object": "s3:GetObject",
    "list_objects_v2": "s3:ListBucket",
    "put_metric_alarm": "cloudwatch:PutMetricAlarm",
    "put_object": "s3:PutObject",
    "upload_file": "s3:PutObject",
}
"""IAM's word where it is not `sagemaker:` and the operation's name."""

_JOB = "pipelines-0a1b2c3d4e5f-train-0a1b2c3d4e"
_PASSES = {
    ("create_model", Role.DEPLOYMENT): Role.ENDPOINT,
    ("create_model", Role.SCORING): Role.TRANSFORM,
    ("create_pipeline", Role.CI): Role.EXECUTION,
    ("update_pipeline", Role.CI): Role.EXECUTION,
}
_CONTEXT: Mapping[str, Mapping[str, str]] = {
    "sagemaker:CreateModel": {"sagemaker:VpcSubnets": "subnet-0a1b", "sagemaker:NetworkIsolation": "true"}
}
_TAGGED = {"create_endpoint", "create_endpoint_config", "create_model", "create_model_package_group", "create_pipeline"}
"""Calls that send tags, with which SageMaker asks for AddTags on what is made: the first that the call touches."""
_ENCRYPTED = {"create_endpoint", "update_endpoint"}
"""Calls that put the key of an endpoint config to use, for the volumes of its instances."""
_KEY_FOR = {"s3:GetObject": ("kms:Decrypt",), "s3:PutObject": ("kms:GenerateDataKey",)}


def needs_of_code(place: Place) -> Iterator[Need]:
    """What each role needs for the calls that run under it, the data key and the passing of roles included."""
    resources = _resources(place)
    for call in CALLS:
        action = _ACTIONS.get(call.method) or f"sagemaker:{call.method.title().replace('_', '')}"
        for role in call.roles:
            for touched in call.touches:
                for resource, context in product(resources[touched], _contexts(action, role, place)):
                    yield Need(role=role, action=action, resource=resource, source=call.module, context=context)
            yield from _beside(call, role, action, place)


def _contexts(action: str, role: Role, place: Place) -> tuple[Mapping[str, str], ...]:
    """What IAM is told of a request beside its resource, for each form that it has; nothing where it is not sent at all."""
    if action not in {"sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"}:
        return (_CONTEXT.get(action, {}),)
    automatic = place.environment.approval == "automatic"
    if action == "sagemaker:CreateModelPackage":
        given: tuple[str, ...] = ("Approved", WAITING) if automatic else (WAITING,)
    else:
        given = DECISIONS if role is Role.APPROVER else ("Approved",) if automatic else ()
    return tuple({APPROVAL: status} for status in given)


def _beside(call: Call, role: Role, action: str, place: Place) -> Iterator[Need]:
    for used in _KEY_FOR.get(action, ()):
        yield Need(role=role, action=used, resource=place.keys[Purpose.DATA], source=call.module)
    if call.method == "upload_file":
        # A multipart upload reads its parts again to put them together.
        yield Need(role=role, action="kms:Decrypt", resource=place.keys[Purpose.DATA], source=call.module)
    if call.method in _TAGGED:
        for made in _resources(place)[call.touches[0]]:
            yield Need(role=role, action="sagemaker:AddTags", resource=made, source=call.module)
    if call.method in _ENCRYPTED:
        given, key = {"kms:GrantIsForAWSResource": "true"}, place.keys[Purpose.VOLUMES]
        yield Need(role=role, action="kms:CreateGrant", resource=key, source=call.module, context=given)
    if passed := _PASSES.get((call.method, role)):
        context = {"iam:PassedToService": "sagemaker.amazonaws.com"}
        yield Need(role=role, action="iam:PassRole", resource=place.role_arn(passed), source=call.module, context=context)


def _resources(place: Place) -> Mapping[str, tuple[str, ...]]:
    endpoint, group = place.settings.endpoint, place.settings.model_package_group
    pipelines = tuple(place.pipeline(name) for name in place.settings.pipelines)
    record = f"{endpoint}/20260102T030405Z-{endpoint}-0123456789ab-012345.json"
    return {
        "*": ("*",),
        "any alarm": (place.arn("cloudwatch", "alarm:the-callers-own"),),
        "bucket": (f"arn:aws:s3:::{place.bucket}",),
        "code": (place.objects("code/0123abcd/steps/training.py"),),
        "data bucket": (f"arn:aws:s3:::{place.data_bucket}",),
        "definition": tuple(place.objects(f"{name}/definitions/0123abcd.json") for name in pipelines),
        "endpoint": (place.sagemaker(f"endpoint/{endpoint}"),),
        "endpoint config": (place.sagemaker(f"endpoint-config/{endpoint}-0123456789ab-012345"),),
        "execution": tuple(place.sagemaker(f"pipeline/{name}/execution/0a1b2c3d4e5f") for name in pipelines),
        "group": (place.sagemaker(f"model-package-group/{group}"),),
        "journal": (place.objects(f"deployments/{record}"),),
        "model": (place.sagemaker(f"model/{endpoint}-0123456789ab-012345"),),
        "model file": (place.objects(f"{place.pipeline('training')}/0a1b2c3d4e5f/package/output/servable/golden.jsonl"),),
        "observed": (place.objects(f"deployments-observed/{record}"),),
        "package": (place.sagemaker(f"model-package/{group}/3"),),
        "pipeline": tuple(place.sagemaker(f"pipeline/{name}") for name in pipelines),
        "processing group": (_group(place, "ProcessingJobs"),),
        "processing job": (place.sagemaker(f"processing-job/{_JOB}"),),
        "processing log": (_stream(place, "ProcessingJobs"),),
        "rollout alarm": (place.arn("cloudwatch", f"alarm:{endpoint}-0123456789ab-012345-errors"),),
        "source": (place.objects("sources/0123abcd/part-0.csv"),),
        "staging endpoint": (place.sagemaker(f"endpoint/{endpoint}-staging-0123456789ab"),),
        "started": tuple(place.sagemaker(f"pipeline/{place.pipeline(name)}") for name in ("training", "deployment")),
        "step output": tuple(place.objects(f"{name}/0a1b2c3d4e5f/execution.json") for name in pipelines),
        "step.json": tuple(place.objects(f"{name}/config/0123abcd/step.json") for name in pipelines),
        "training group": (_group(place, "TrainingJobs"),),
        "training job": (place.sagemaker(f"training-job/{_JOB}"),),
        "training log": (_stream(place, "TrainingJobs"),),
        "transform group": (_group(place, "TransformJobs"),),
        "transform job": (place.sagemaker(f"transform-job/{_JOB}"),),
        "transform log": (_stream(place, "TransformJobs"),),
    }


def _group(place: Place, group: str) -> str:
    """The form in which DescribeLogStreams is authorised."""
    return place.arn("logs", f"log-group:/aws/sagemaker/{group}:log-stream:")


def _stream(place: Place, group: str) -> str:
    return place.arn("logs", f"log-group:/aws/sagemaker/{group}:log-stream:{_JOB}/algo-1")
