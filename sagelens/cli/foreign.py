"""Errors of the libraries underneath, in our words."""

from __future__ import annotations

import sys

from sagelens.errors import BadInput, SagelensError, ServiceUnavailable

__all__ = ["translate"]


def translate(error: Exception) -> SagelensError | None:
    """The error of ours that stands for a foreign one; None for what is a defect and deserves its traceback."""
    if isinstance(error, OSError) and error.errno == 28:
        return ServiceUnavailable(f"The disk is full: {error}. Free some room and run again; nothing that was stored is lost.")
    botocore = sys.modules.get("botocore.exceptions")
    if botocore is None:
        return None
    if isinstance(error, botocore.EndpointConnectionError | botocore.ConnectionClosedError | botocore.HTTPClientError):
        return ServiceUnavailable(
            f"The service does not answer: {error}. `sagelens local status` says whether it runs; run again."
        )
    if isinstance(error, botocore.NoCredentialsError | botocore.PartialCredentialsError):
        return BadInput(f"There are no usable AWS credentials: {error}. Sign in, or run with --env local.")
    if isinstance(error, botocore.ClientError):
        answer = error.response["Error"]
        return BadInput(f"{error.operation_name} was refused: {answer.get('Code')}: {answer.get('Message')}")
    return None
