"""Which service and protocol a request speaks."""

from __future__ import annotations

from functools import cache

from sagelens.local.api.cbor_protocol import CborWire
from sagelens.local.api.json_protocol import JsonWire
from sagelens.local.api.model import service_model
from sagelens.local.api.protocol import HttpRequest, Speaker, Wire
from sagelens.local.api.query_protocol import QueryWire
from sagelens.local.api.rest_protocol import RestWire

__all__ = ["speaker_of", "wire_of"]

_TARGETS = {"SageMaker": "sagemaker", "Logs_20140328": "logs", "GraniteServiceVersion20100801": "cloudwatch"}
_VERSIONS = {"2011-06-15": "sts", "2010-05-08": "iam", "2010-08-01": "cloudwatch"}
_SMITHY = "rpc-v2-cbor"


def wire_of(request: HttpRequest) -> Wire | None:
    """The service and protocol that a request speaks; None for anything that is no AWS client's."""
    target = request.headers.get("x-amz-target")
    if target is not None:
        service = _TARGETS.get(target.rpartition(".")[0])
        return _json(service) if service else None
    if request.target.startswith("/endpoints/"):
        return _rest("sagemaker-runtime")
    if request.headers.get("smithy-protocol") == _SMITHY:
        service = _TARGETS.get(request.target.removeprefix("/service/").partition("/")[0])
        return _cbor(service) if service else None
    if _is_query(request):
        service = _VERSIONS.get(request.form.get("Version", ""))
        return _query(service) if service else None
    return None


def speaker_of(request: HttpRequest) -> Speaker | None:
    """Who tells errors to a client of which only the head may be looked at; None for anything that is no AWS client's."""
    if _is_query(request):
        return _query("sts")  # the service is named in the body; errors look alike in all of them
    return wire_of(request)


def _is_query(request: HttpRequest) -> bool:
    headers = request.headers
    return (
        headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        and "x-amz-target" not in headers
        and not request.target.startswith("/endpoints/")
        and headers.get("smithy-protocol") != _SMITHY
    )


@cache
def _cbor(service: str) -> CborWire:
    return CborWire(service_model(service))


@cache
def _json(service: str) -> JsonWire:
    return JsonWire(service_model(service))


@cache
def _rest(service: str) -> RestWire:
    return RestWire(service_model(service))


@cache
def _query(service: str) -> QueryWire:
    return QueryWire(service_model(service))
