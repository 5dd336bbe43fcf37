"""What IAM is asked for a request that was noted as it was sent: action, resources, condition keys, and what goes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from infra.permissions.evaluate import Need
from infra.permissions.people import APPROVAL
from infra.permissions.place import Place, Purpose, Role

__all__ = ["Noted", "needs_of_requests"]

Asked = Mapping[str, Any]
Found = Callable[[Asked, Place], list[str]]
"""From a request's parameters to the ARNs that it is authorised on."""


class Noted(Protocol):
    """As `sagelens.aws.requests.Request`: boto3's name of a service, the operation as its API spells it, its parameters."""

    @property
    def service(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def parameters(self) -> Asked: ...


def needs_of_requests(requests: Iterable[Noted], role: Role, place: Place) -> Iterator[Need]:
    """What `role` needs to send these. Raises KeyError for an operation that nobody has looked up yet."""
    for request in requests:
        action, found = _OPERATIONS[request.service, request.operation]
        if not action:
            continue
        asked = request.parameters
        context = {APPROVAL: asked["ModelApprovalStatus"]} if "ModelApprovalStatus" in asked else {}
        pairs = [(action, resource, context) for resource in found(asked, place)]
        for name, resource, given in (*pairs, *_beside(request, pairs[0][1], place)):
            yield Need(role=role, action=name, resource=resource, source=request.operation, context=given)


def _beside(request: Noted, first: str, place: Place) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    data, volumes = place.keys[Purpose.DATA], place.keys[Purpose.VOLUMES]
    if request.operation in {"GetObject", "HeadObject"}:
        yield "kms:Decrypt", data, {}
    if request.operation == "PutObject":
        yield "kms:GenerateDataKey", data, {}
    if request.operation in {"CreateEndpoint", "UpdateEndpoint"}:
        yield "kms:CreateGrant", volumes, {"kms:GrantIsForAWSResource": "true"}
    if "Tags" in request.parameters:
        yield "sagemaker:AddTags", first, {}


def _everything(_: Asked, __: Place) -> list[str]:
    return ["*"]


def _bucket(asked: Asked, _: Place) -> list[str]:
    return [f"arn:aws:s3:::{asked['Bucket']}"]


def _object(asked: Asked, _: Place) -> list[str]:
    return [f"arn:aws:s3:::{asked['Bucket']}/{asked['Key']}"]


def _endpoint(asked: Asked, place: Place) -> list[str]:
    """The endpoint, and the config that it is to serve where one is named."""
    config = asked.get("EndpointConfigName")
    live = place.sagemaker(f"endpoint/{asked['EndpointName']}")
    return [live, *([place.sagemaker(f"endpoint-config/{config}")] if config else [])]


def _config(asked: Asked, place: Place) -> list[str]:
    return [place.sagemaker(f"endpoint-config/{asked['EndpointConfigName']}")]


def _model(asked: Asked, place: Place) -> list[str]:
    return [place.sagemaker(f"model/{asked['ModelName']}")]


def _package(asked: Asked, _: Place) -> list[str]:
    return [asked.get("ModelPackageArn") or asked["ModelPackageName"]]


def _alarms(asked: Asked, place: Place) -> list[str]:
    names = asked.get("AlarmNames") or [asked["AlarmName"]]
    return [place.arn("cloudwatch", f"alarm:{name}") for name in names]


_OPERATIONS: Mapping[tuple[str, str], tuple[str, Found]] = {
    ("cloudwatch", "DeleteAlarms"): ("cloudwatch:DeleteAlarms", _alarms),
    ("cloudwatch", "DescribeAlarmHistory"): ("cloudwatch:DescribeAlarmHistory", _alarms),
    ("cloudwatch", "DescribeAlarms"): ("cloudwatch:DescribeAlarms", _everything),
    ("cloudwatch", "GetMetricData"): ("cloudwatch:GetMetricData", _everything),
    ("cloudwatch", "GetMetricStatistics"): ("cloudwatch:GetMetricStatistics", _everything),
    ("cloudwatch", "PutMetricAlarm"): ("cloudwatch:PutMetricAlarm", _alarms),
    ("s3", "GetObject"): ("s3:GetObject", _object),
    ("s3", "HeadObject"): ("s3:GetObject", _object),
    ("s3", "ListObjectsV2"): ("s3:ListBucket", _bucket),
    ("s3", "PutObject"): ("s3:PutObject", _object),
    ("sagemaker", "CreateEndpoint"): ("sagemaker:CreateEndpoint", _endpoint),
    ("sagemaker", "CreateEndpointConfig"): ("sagemaker:CreateEndpointConfig", _config),
    ("sagemaker", "DeleteEndpoint"): ("sagemaker:DeleteEndpoint", _endpoint),
    ("sagemaker", "DeleteEndpointConfig"): ("sagemaker:DeleteEndpointConfig", _config),
    ("sagemaker", "DeleteModel"): ("sagemaker:DeleteModel", _model),
    ("sagemaker", "DescribeEndpoint"): ("sagemaker:DescribeEndpoint", _endpoint),
    ("sagemaker", "DescribeEndpointConfig"): ("sagemaker:DescribeEndpointConfig", _config),
    ("sagemaker", "DescribeModelPackage"): ("sagemaker:DescribeModelPackage", _package),
    ("sagemaker", "ListEndpointConfigs"): ("sagemaker:ListEndpointConfigs", _everything),
    ("sagemaker", "ListEndpoints"): ("sagemaker:ListEndpoints", _everything),
    ("sagemaker", "ListModelPackages"): ("sagemaker:ListModelPackages", _everything),
    ("sagemaker", "UpdateEndpoint"): ("sagemaker:UpdateEndpoint", _endpoint),
    ("sagemaker", "UpdateEndpointWeightsAndCapacities"): ("sagemaker:UpdateEndpointWeightsAndCapacities", _endpoint),
    ("sagemaker", "UpdateModelPackage"): ("sagemaker:UpdateModelPackage", _package),
    ("sts", "GetCallerIdentity"): ("", _everything),  # STS answers everybody
}
"""IAM's action, and its resources: https://docs.aws.amazon.com/service-authorization/latest/reference/ has them by service."""
