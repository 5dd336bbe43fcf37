"""A deployment with what it deploys, as the store keeps it while it is under way."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from sagelens.local.endpoints.deployment import Deployment, Stage
from sagelens.local.endpoints.limits import DEFAULT_TIMEOUT
from sagelens.local.endpoints.sizes import size_of
from sagelens.local.endpoints.steps import steps_of
from sagelens.local.endpoints.variant import Variant, counts_of
from sagelens.local.ports import Document

__all__ = ["Rollout"]


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """`since` is when its stage began; `strategy` the DeploymentConfig, `capture` the DataCaptureConfig that it brings."""

    config: str
    variants: tuple[Variant, ...]
    deployment: Deployment
    started: float
    since: float
    strategy: Document | None = None
    capture: Document | None = None

    @classmethod
    def planned(
        cls,
        config: str,
        variants: tuple[Variant, ...],
        *,
        live: tuple[Variant, ...] = (),
        now: float,
        strategy: Document | None = None,
        capture: Document | None = None,
    ) -> Rollout:
        """The deployment of these variants in the place of those that live."""
        old, new = counts_of(live), counts_of(variants)
        whole = max(old.values(), default=0)
        back = (strategy or {}).get("RollingUpdatePolicy", {}).get("RollbackMaximumBatchSize")
        deployment = Deployment.planned(
            steps_of(strategy, old, new), old, new, back_batch=size_of(back).instances(whole) if back else whole
        )
        return cls(
            config=config, variants=variants, deployment=deployment, started=now, since=now, strategy=strategy, capture=capture
        )

    @property
    def timeout(self) -> float | None:
        """Seconds that the deployment may take until it is turned back; None for one without a DeploymentConfig."""
        if self.strategy is None:
            return None
        policy = self.strategy.get("BlueGreenUpdatePolicy") or self.strategy.get("RollingUpdatePolicy") or {}
        return float(policy.get("MaximumExecutionTimeoutInSeconds", DEFAULT_TIMEOUT))

    @property
    def rolling(self) -> bool:
        return "RollingUpdatePolicy" in (self.strategy or {})

    @property
    def alarms(self) -> tuple[str, ...]:
        listed = (self.strategy or {}).get("AutoRollbackConfiguration", {}).get("Alarms", ())
        return tuple(dict.fromkeys(alarm["AlarmName"] for alarm in listed))

    def ended(self, stage: Stage, reason: str = "") -> Rollout:
        """The same, put into a final stage from outside."""
        deployment = replace(self.deployment, stage=stage, reason=self.deployment.reason or reason)
        return replace(self, deployment=deployment)

    def to_json(self) -> Document:
        return {**asdict(self), "variants": [variant.to_json() for variant in self.variants]}

    @classmethod
    def from_json(cls, document: Document) -> Rollout:
        """KeyError or TypeError for a document that another version wrote."""
        variants = tuple(Variant.from_json(variant) for variant in document["variants"])
        return cls(**{**document, "variants": variants, "deployment": Deployment.from_json(document["deployment"])})
