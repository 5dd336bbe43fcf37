"""The interpreter of SageMaker pipeline definitions (version 2020-12-01)."""

from __future__ import annotations

from sagelens.local.pipelines.pipelines import Pipelines

__all__ = ["Pipelines"]
