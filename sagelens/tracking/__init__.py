"""Executions as MLflow runs."""

from __future__ import annotations

from sagelens.tracking.tracker import Tracked, Tracker

__all__ = ["Tracked", "Tracker"]
