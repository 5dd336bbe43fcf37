"""CloudWatch on the local service: metrics, metric math, alarms and their history."""

from __future__ import annotations

from sagelens.local.metrics.room import CloudWatch

__all__ = ["CloudWatch"]
