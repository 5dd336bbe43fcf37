"""Who deploys."""

from __future__ import annotations

from sagelens.values import StsClient

__all__ = ["caller"]


def caller(by: str, *, sts: StsClient | None) -> str:
    """The user's name as the caller gave it, with the AWS identity that acts where STS can say it."""
    if sts is None:
        return by
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        arn = str(sts.get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError):
        return by
    return f"{by} ({arn})" if by else arn
