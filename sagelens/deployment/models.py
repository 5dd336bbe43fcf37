"""Models and endpoint configs: created where missing, taken as they are when equal, never changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sagelens.deployment.endpoint import absent
from sagelens.deployment.plan import ServedModel, model_request
from sagelens.errors import NotFound, Refused
from sagelens.values import SageMakerClient, tag_list

__all__ = ["ensure_config", "ensure_made_model", "ensure_model", "model_data", "read_config", "tagged"]


def ensure_model(prefix: str, model: ServedModel, *, sagemaker: SageMakerClient) -> str:
    """The name of the SageMaker model; its prefix is that of an endpoint or a model package group."""
    request = model_request(prefix, model)
    ensure_made_model(request, tags=model.placement.tags, sagemaker=sagemaker)
    return str(request["ModelName"])


def ensure_made_model(request: Mapping[str, Any], *, tags: Mapping[str, str], sagemaker: SageMakerClient) -> None:
    name = request["ModelName"]
    create = partial(sagemaker.create_model, **tagged(tags))
    _ensure(f"Model '{name}'", request, lambda: sagemaker.describe_model(ModelName=name), create, sagemaker)


def ensure_config(request: Mapping[str, Any], *, tags: Mapping[str, str], sagemaker: SageMakerClient) -> None:
    name = request["EndpointConfigName"]
    _ensure(
        f"Endpoint config '{name}'",
        request,
        lambda: sagemaker.describe_endpoint_config(EndpointConfigName=name),
        partial(sagemaker.create_endpoint_config, **tagged(tags)),
        sagemaker,
    )


def tagged(tags: Mapping[str, str]) -> dict[str, Any]:
    """What a Create request says of tags. They are no part of what a thing is compared by: Describe does not tell them."""
    return {"Tags": tag_list(tags)} if tags else {}


def read_config(name: str, *, sagemaker: SageMakerClient) -> dict[str, Any]:
    """DescribeEndpointConfig's answer. Raises NotFound."""
    try:
        return dict(sagemaker.describe_endpoint_config(EndpointConfigName=name))
    except sagemaker.exceptions.ClientError as error:
        if absent(error):
            raise NotFound(
                f"Endpoint config '{name}' does not exist any more, so it cannot serve. "
                "`sagelens endpoints --history` lists what did."
            ) from error
        raise


def model_data(config: str, variant: str, *, sagemaker: SageMakerClient) -> str:
    """The S3 prefix of the model folder that a variant of a config serves; empty where it is not a folder in S3."""
    shown = read_config(config, sagemaker=sagemaker)["ProductionVariants"]
    chosen = next((item for item in shown if item["VariantName"] == variant), shown[0])
    if "ModelName" not in chosen:
        return ""
    model = sagemaker.describe_model(ModelName=chosen["ModelName"])
    source = model.get("PrimaryContainer", {}).get("ModelDataSource", {}).get("S3DataSource", {})
    return str(source.get("S3Uri", "")) if source.get("S3DataType") == "S3Prefix" else ""


def _ensure(
    what: str, request: Mapping[str, Any], describe: Callable[[], Any], create: Callable[..., Any], sagemaker: SageMakerClient
) -> None:
    try:
        found = describe()
    except sagemaker.exceptions.ClientError as error:
        if not absent(error):
            raise
        if _created(create, request, sagemaker):
            return
        found = describe()
    if not _contains(found, request):
        raise Refused(
            f"{what} exists but is not what this deployment would create. Delete it, or deploy under another endpoint name."
        )


def _created(create: Callable[..., Any], request: Mapping[str, Any], sagemaker: SageMakerClient) -> bool:
    """False where another start of the same deployment was faster."""
    try:
        create(**request)
    except sagemaker.exceptions.ClientError as error:
        if "already exist" not in str(error).lower():
            raise
        return False
    return True


def _contains(found: Any, wanted: Any) -> bool:
    """Whether an answer says what was asked for; SageMaker adds fields with its defaults."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(key in found and _contains(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list) and all(isinstance(item, str) for item in wanted):
        return isinstance(found, list) and sorted(found) == sorted(wanted)  # ids of subnets: a set to AWS
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(_contains, found, wanted))
    return bool(found == wanted)
