"""What the protocols have in common."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import cached_property
from random import getrandbits
from typing import Any, Protocol

from sagelens.local.api.documents import LARGEST, form_fields
from sagelens.local.api.model import ServiceModel
from sagelens.local.api.showing import shown
from sagelens.local.ports import ApiError, Document, Request

__all__ = ["HttpAnswer", "HttpRequest", "Speaker", "Wire", "content", "named_error", "unknown_operation"]


def _request_id() -> str:
    """Looks like a UUID, as AWS's do; nothing depends on its being hard to guess, and every request needs one."""
    digits = f"{getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """`headers` have lower-case names; `target` is the path as sent, without the query string."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of a Query request; ApiError MalformedInput."""
        try:
            return form_fields(content(self))
        except ValueError as error:
            raise ApiError("MalformedInput", f"The body is not a form: {error}") from error


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    status: int = 200
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    request_id: str = field(default_factory=_request_id)


class Speaker(Protocol):
    """Says in a protocol's words what went wrong."""

    def encode_error(self, error: ApiError) -> HttpAnswer: ...


class Wire(Speaker, Protocol):
    """One service over one protocol."""

    def operation(self, request: HttpRequest) -> str:
        """The key of the operation that is asked for (`sagemaker.CreateModel`)."""
        ...

    def decode(self, key: str, request: HttpRequest) -> Request:
        """The validated request."""
        ...

    def encode(self, key: str, answer: Document) -> HttpAnswer: ...


def content(request: HttpRequest) -> bytes:
    """The document in the body, unpacked if the client has compressed it, as AWS's clients do with large bodies of some
    operations."""
    if len(request.body) > LARGEST:
        raise _too_large()
    coding = request.headers.get("content-encoding", "identity")
    if coding in {"", "identity", "aws-chunked"}:
        return request.body
    if coding != "gzip":
        told = shown(coding)
        raise ApiError("SerializationException", f"The body is encoded as '{told}'. Send it as it is, or encoded as gzip.")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(request.body, LARGEST + 1)
    except zlib.error as error:
        raise ApiError("SerializationException", f"The body is not gzip, though its Content-Encoding says so: {error}") from error
    if len(unpacked) > LARGEST:
        raise _too_large()
    if not unpacker.eof or unpacker.unused_data:
        raise ApiError("SerializationException", "The body is not one whole gzip member: it is cut off, or something follows it.")
    return unpacked


def _too_large() -> ApiError:
    return ApiError(
        "RequestEntityTooLargeException", f"The body is larger than {LARGEST} bytes. Send less at a time.", status=413
    )


def named_error(model: ServiceModel, code: str, status: int) -> tuple[str, dict[str, str]]:
    """How protocols other than Query name an error, and the header that tells its Query code where clients expect that."""
    if not model.query_compatible:
        return code, {}
    fault = model.fault(code)
    return fault.shape, {"x-amzn-query-error": f"{fault.code};{'Sender' if status < 500 else 'Receiver'}"}


def unknown_operation(name: Any) -> ApiError:
    """What is answered for an operation that AWS has, or may have, and the local SageMaker has not."""
    return ApiError(
        "UnknownOperationException",
        f"{shown(name)} is not offered by the local SageMaker. Run what needs it against AWS, or do without it here.",
    )
