"""Errors of the libraries underneath, in our words."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from sagelens.errors import BadInput, DiskFull, SagelensError, ServiceUnavailable, StepFailed, disk_full
from sagelens.text.hint import hint

__all__ = ["translate"]

_NO_ROOM = 4 << 20  # bytes: less than what any command writes
_UNKNOWN_KEY = frozenset({"InvalidAccessKeyId", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException"})


def translate(error: Exception) -> SagelensError | None:  # noqa: PLR0911 - an error of ours for each kind
    """The error of ours that stands for a foreign one; None for what is a defect."""
    if known := _of_machine(error):
        return known
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
        if _was_replaced(error):
            return ServiceUnavailable(
                "The local SageMaker was stopped, reset or replaced by another command while this one ran, so that it knows "
                "neither its key nor what it asked. Run it again; `sagelens runs` lists what there is."
            )
        if failed := _of_local_service(error):
            return failed
        from sagelens.aws.refusals import refusal

        if known := refusal(error, hint=hint("follow", "last")):
            return known
        answer = error.response["Error"]
        return BadInput(f"{error.operation_name} was refused: {answer.get('Code')}: {answer.get('Message')}")
    return None


def _of_machine(error: Exception) -> SagelensError | None:
    if full := disk_full(error):
        return full
    if isinstance(error, MemoryError):
        return StepFailed("This machine has no memory left. Close other programs, or take fewer rows.")
    return _of_files(error) if isinstance(error, OSError) else None


def _of_files(error: OSError) -> SagelensError | None:
    if isinstance(error, PermissionError) and error.filename:
        return BadInput(
            f"{error.filename} may not be read or written: {error.strerror}. Give yourself the right, or use another."
        )
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return ServiceUnavailable(f"Too many files are open: {error.strerror}. Raise the limit (ulimit -n), and run again.")
    if error.errno == errno.EROFS:
        return BadInput(f"{error.filename or 'The folder'} cannot be written: {error.strerror}. Work in a folder that can.")
    return None


def _is_local() -> bool:
    return os.environ.get("AWS_ENDPOINT_URL_SAGEMAKER", "").startswith("http://127.0.0.1:")


def _of_local_service(error: Any) -> SagelensError | None:
    """What the project's own service could not do. It says no more than that it failed, so we look for ourselves."""
    if not _is_local() or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) < 500:
        return None
    if shutil.disk_usage(Path.cwd()).free < _NO_ROOM:
        return DiskFull("The disk is full. Free some room and run again; nothing that was stored is lost.")
    return ServiceUnavailable(f"The local SageMaker failed in {error.operation_name}. `sagelens local logs` may say why.")


def _was_replaced(error: Any) -> bool:
    """Whether it is the project's own service that does not know the key: it has a new one each time it starts."""
    return _is_local() and str(error.response.get("Error", {}).get("Code")) in _UNKNOWN_KEY


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
