"""What the protocols have in common."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol

from sagelens.local.ports import ApiError, Document, Request

__all__ = ["HttpAnswer", "HttpRequest", "Wire", "unknown_operation"]


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """`headers` have lower-case names; `target` is the path as sent, without the query string."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    status: int = 200
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Wire(Protocol):
    """One service over one protocol."""

    def operation(self, request: HttpRequest) -> str:
        """The key of the operation that is asked for (`sagemaker.CreateModel`)."""
        ...

    def decode(self, key: str, request: HttpRequest) -> Request:
        """The validated request."""
        ...

    def encode(self, key: str, answer: Document) -> HttpAnswer: ...

    def encode_error(self, error: ApiError) -> HttpAnswer: ...


def unknown_operation(name: Any) -> ApiError:
    """What is answered for an operation that AWS has, or may have, and the local SageMaker has not."""
    return ApiError(
        "UnknownOperationException",
        f"{name} is not offered by the local SageMaker. Run what needs it against AWS, or do without it here.",
    )
