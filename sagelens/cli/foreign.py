"""Errors of the libraries underneath, in our words."""

from __future__ import annotations

import sys
from typing import Any

from sagelens.errors import BadInput, SagelensError, ServiceUnavailable

__all__ = ["translate"]


def translate(error: Exception) -> SagelensError | None:  # noqa: PLR0911 - an error of ours for each kind
    """The error of ours that stands for a foreign one; None for what is a defect and deserves its traceback."""
    if isinstance(error, OSError) and error.errno == 28:
        return ServiceUnavailable(f"The disk is full: {error}. Free some room and run again; nothing that was stored is lost.")
    botocore = sys.modules.get("botocore.exceptions")
    if botocore is None:
        return None
    if isinstance(error, botocore.EndpointConnectionError | botocore.ConnectionClosedError | botocore.HTTPClientError):
        return ServiceUnavailable(
            f"The service does not answer: {error}. `sagelens local status` says whether the local one runs; run again."
        )
    if isinstance(error, _credentials(botocore)):
        return BadInput(f"There are no usable AWS credentials: {error}. Sign in, or run with --env local.")
    if isinstance(error, botocore.ClientError):
        from sagelens.aws.refusals import refusal

        if known := refusal(error, hint="`sagelens follow last`"):
            return known
        answer = error.response["Error"]
        return BadInput(f"{error.operation_name} was refused: {answer.get('Code')}: {answer.get('Message')}")
    return None


def _credentials(botocore: Any) -> tuple[type[Exception], ...]:
    names = (
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "ProfileNotFound",
        "SSOError",
        "TokenRetrievalError",
    )
    return tuple(getattr(botocore, name) for name in names if hasattr(botocore, name))
