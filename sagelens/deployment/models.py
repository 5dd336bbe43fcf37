"""Models and endpoint configs: created where missing, taken as they are when equal, never changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sagelens.deployment.plan import ServedModel, model_request
from sagelens.errors import Refused
from sagelens.values import SageMakerClient

__all__ = ["ensure_config", "ensure_model"]


def ensure_model(prefix: str, model: ServedModel, *, sagemaker: SageMakerClient) -> str:
    """The name of the SageMaker model; its prefix is that of an endpoint or a model package group."""
    request = model_request(prefix, model)
    name = str(request["ModelName"])
    _ensure(f"Model '{name}'", request, lambda: sagemaker.describe_model(ModelName=name), sagemaker.create_model, sagemaker)
    return name


def ensure_config(request: Mapping[str, Any], *, sagemaker: SageMakerClient) -> None:
    name = request["EndpointConfigName"]
    _ensure(
        f"Endpoint config '{name}'",
        request,
        lambda: sagemaker.describe_endpoint_config(EndpointConfigName=name),
        sagemaker.create_endpoint_config,
        sagemaker,
    )


def _ensure(
    what: str, request: Mapping[str, Any], describe: Callable[[], Any], create: Callable[..., Any], sagemaker: SageMakerClient
) -> None:
    try:
        found = describe()
    except sagemaker.exceptions.ClientError as error:
        if "could not find" not in str(error).lower() and "not exist" not in str(error).lower():
            raise
        create(**request)
        return
    if not _contains(found, request):
        raise Refused(
            f"{what} exists but is not what this deployment would create. Delete it, or deploy under another endpoint name."
        )


def _contains(found: Any, wanted: Any) -> bool:
    """Whether an answer says what was asked for; SageMaker adds fields with its defaults."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(key in found and _contains(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(_contains, found, wanted))
    return bool(found == wanted)
