"""Processing, training and transform jobs, run as processes under SageMaker's container contract."""

from __future__ import annotations

from sagelens.local.forking.zygotes import Zygotes
from sagelens.local.jobs.jobs import Jobs

__all__ = ["Jobs", "Zygotes"]
