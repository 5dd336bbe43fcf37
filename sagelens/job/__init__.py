"""Runs one step inside a container or a process, under SageMaker's contract. The entry point is `sagelens.job.main`."""

from sagelens.job.foreground import debug
from sagelens.job.layout import JobKind

__all__ = ["JobKind", "debug"]
