"""Environments of infra/ that exist in tests alone."""

from __future__ import annotations

from infra.permissions.place import Place, Purpose
from infra.settings import Environment, load

__all__ = ["place_of"]


def place_of(name: str, account: str) -> Place:
    """Where an environment of this name would lie in this account."""
    environment = Environment(
        name=name,
        account=account,
        region="us-east-1",
        zones=("us-east-1a", "us-east-1b"),
        cidr="10.10.0.0/20",
        notify="nobody@example.com",
        monthly_budget_usd=100,
        latency_ms=1000,
        requests_per_second=1,
        burst=1,
    )
    return Place(load(), environment, {purpose: f"key {purpose}" for purpose in Purpose})
