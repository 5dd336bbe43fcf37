"""Log groups."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

__all__ = ["log_group"]


def log_group(scope: Construct, id_: str, name: str, *, key: kms.IKey, kept: bool) -> logs.LogGroup:
    """Encrypted, for a year. `kept`: it stays when its stack goes."""
    return logs.LogGroup(
        scope,
        id_,
        log_group_name=name,
        encryption_key=key,
        retention=logs.RetentionDays.ONE_YEAR,
        removal_policy=RemovalPolicy.RETAIN if kept else RemovalPolicy.DESTROY,
    )
