"""Model package groups, model packages, models, and everyone's tags."""

from __future__ import annotations

from sagelens.local.registry.registry import Registry

__all__ = ["Registry"]
