"""Which service and protocol a request speaks."""

from __future__ import annotations

from functools import cache

from sagelens.local.api.cbor_protocol import CborWire
from sagelens.local.api.json_protocol import JsonWire
from sagelens.local.api.model import service_model
from sagelens.local.api.protocol import HttpRequest, Speaker, Wire
from sagelens.local.api.query_protocol import QueryWire
from sagelens.local.api.rest_protocol import RestWire

__all__ = ["is_query", "speaker_of_query", "wire_of", "wire_of_head"]

_TARGETS = {
    "SageMaker": "sagemaker",
    "Logs_20140328": "logs",
    "GraniteServiceVersion20100801": "cloudwatch",
    "AWSEvents": "events",
}
_VERSIONS = {"2011-06-15": "sts", "2010-05-08": "iam", "2010-08-01": "cloudwatch"}
_SMITHY = "rpc-v2-cbor"


def wire_of(request: HttpRequest) -> Wire | None:
    """The service and protocol that a request speaks; None for anything that is no AWS client's."""
    if not is_query(request):
        return wire_of_head(request)
    service = _VERSIONS.get(request.form.get("Version", ""))
    return _query(service) if service else None


def wire_of_head(request: HttpRequest) -> Wire | None:
    """The same for whatever does not speak Query: all others tell it in the head."""
    headers = request.headers
    if "x-amz-target" in headers:
        service = _TARGETS.get(headers["x-amz-target"].rpartition(".")[0])
        return _json(service) if service else None
    if request.target.startswith("/endpoints/"):
        return _rest("sagemaker-runtime")
    if headers.get("smithy-protocol") == _SMITHY:
        service = _TARGETS.get(request.target.removeprefix("/service/").partition("/")[0])
        return _cbor(service) if service else None
    return None


def is_query(request: HttpRequest) -> bool:
    """Whether it speaks Query, and names the service in its body."""
    headers = request.headers
    return (
        not request.target.startswith("/endpoints/")
        and headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        and "x-amz-target" not in headers
        and headers.get("smithy-protocol") != _SMITHY
    )


def speaker_of_query() -> Speaker:
    """Who tells errors to a client that speaks Query while its body may not be looked at: they look alike in all services."""
    return _query("sts")


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
