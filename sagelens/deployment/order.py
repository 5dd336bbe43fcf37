"""What is ordered, and with what it is carried out."""

from __future__ import annotations

from dataclasses import dataclass

from sagelens.deployment.release import Release
from sagelens.deployment.strategy import AllAtOnce, Strategy
from sagelens.values import CloudWatchClient, RuntimeClient, S3Client, SageMakerClient
from sagelens.values.guard import Alarms, OnInconclusive

__all__ = ["Deployed", "OnInconclusive", "Order", "Services"]


@dataclass(frozen=True, kw_only=True)
class Services:
    """boto3 clients. Where they point is nobody's business here."""

    sagemaker: SageMakerClient
    cloudwatch: CloudWatchClient
    s3: S3Client
    runtime: RuntimeClient


@dataclass(frozen=True, kw_only=True)
class Order:
    """`minimum_invocations`: requests that the new fleet must get while it is watched. `keep`: good configs that are kept.

    `force` starts although an alarm rings. `staging` proves the model on an endpoint of its own first, with `smoke_rows` rows.
    """

    release: Release
    alarms: Alarms
    strategies: tuple[Strategy, ...] = (AllAtOnce(),)
    minimum_invocations: int = 1
    on_inconclusive: OnInconclusive = OnInconclusive.KEEP
    keep: int = 3
    staging: bool = False
    smoke_rows: int = 5
    force: bool = False
    who: str = ""
    why: str = ""
    kind: str = "deployment"

    @property
    def judged_by(self) -> int:
        """Requests without which its alarms say nothing; none where there are no alarms to judge it."""
        return 0 if self.alarms.waived else self.minimum_invocations


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """`config` is what serves. `previous_config` served before; None for a new endpoint, or where nothing was changed.

    `variant` is the new model's where the old one serves beside it. `journal` is the S3 URI of the deployment's record; empty
    where nothing was changed.
    """

    endpoint: str
    config: str
    model: str
    changed: bool
    previous_config: str | None = None
    variant: str | None = None
    journal: str = ""
