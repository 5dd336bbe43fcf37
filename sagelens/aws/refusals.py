"""What AWS refuses, in plain words; and patience with what passes by itself."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from sagelens.errors import BadInput, NotFound, Refused, SagelensError, ServiceUnavailable

__all__ = ["check_account", "check_bucket", "patiently", "refusal"]

T = TypeVar("T")

_PASSING = frozenset(
    {
        "InternalError", "InternalFailure", "InternalServerError", "RequestLimitExceeded", "RequestTimeout", "ServiceUnavailable",
        "SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException",
    }
)  # fmt: skip
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "UnrecognizedClientException", "InvalidClientTokenId"}
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "403", "UnauthorizedOperation"})
_ACTION = re.compile(r"(?:perform|action)[: ]+([a-z0-9\-]+:[A-Za-z*]+)")
_WHO = re.compile(r"(arn:aws[a-z\-]*:(?:sts|iam)::\d{12}:[^\s'\"]+)")
_ON = re.compile(r"on resource: (\S+)")
_TRIES = 8
_LONGEST_PAUSE = 60.0


def refusal(error: Any, *, hint: str = "") -> SagelensError | None:
    """Our error for a ClientError about credentials or permissions; None for any other."""
    said = error.response.get("Error", {})
    code, message = str(said.get("Code")), str(said.get("Message") or "")
    if code in _EXPIRED:
        then = f" What runs on AWS goes on; {hint} follows it again." if hint else ""
        return BadInput(f"The AWS credentials have expired or are not valid ({code}). Sign in again.{then}")
    if code in _DENIED:
        action = _found(_ACTION, message) or error.operation_name
        who, on = _found(_WHO, message) or "the signed-in identity", _found(_ON, message)
        return BadInput(
            f"Access denied: {who} may not do {action}{f' on {on}' if on else ''}. "
            "Use a role that may, or grant it; infra/permissions lists what each role needs."
        )
    return None


def _found(pattern: re.Pattern[str], message: str) -> str:
    match = pattern.search(message)
    return match[1].rstrip(".,") if match else ""


def patiently(ask: Callable[[], T], hint: str, *, sleep: Callable[[float], None] = time.sleep) -> T:
    """The answer, asked for again while AWS throttles or does not answer. `hint` is the command that goes on later."""
    from botocore.exceptions import ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as NoConnection

    for number in range(1, _TRIES + 1):
        try:
            return ask()
        except ClientError as error:
            if _passes(error):
                last: Exception = error
            elif known := refusal(error, hint=hint):
                raise known from error
            else:
                raise
        except (NoConnection, HTTPClientError) as error:
            last = error
        if number < _TRIES:
            sleep(min(2.0**number, _LONGEST_PAUSE))
    raise ServiceUnavailable(f"AWS does not answer: {last}. What runs there goes on; {hint} follows it again.") from last


def _passes(error: Any) -> bool:
    return (
        error.response.get("Error", {}).get("Code") in _PASSING
        or error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500
    )


def check_account(sts: Any, account: str, environment: str) -> None:
    """Refused unless the credentials belong to the environment's account; nothing else was sent until then."""
    found = str(patiently(sts.get_caller_identity, "the same command")["Account"])
    if found != account:
        raise Refused(
            f"Environment '{environment}' is account {account}, but these credentials belong to {found}. Nothing was sent. "
            f"Sign in to {account}, or correct environment.account in configs/environments/{environment}.yaml."
        )


def check_bucket(s3: Any, bucket: str, environment: str) -> None:
    """NotFound unless the bucket is there; it is made by infra/, encrypted and private, never here."""
    from botocore.exceptions import ClientError

    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            raise NotFound(
                f"There is no bucket '{bucket}' in the account of environment '{environment}'. Deploy infra/ there first, "
                "or correct environment.bucket."
            ) from error
        raise refusal(error) or error from error
