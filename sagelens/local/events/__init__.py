"""EventBridge, local: events, and rules that start pipelines on them or by the clock."""

from __future__ import annotations

from sagelens.local.events.room import Events

__all__ = ["Events"]
