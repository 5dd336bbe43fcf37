"""A Great Expectations context that keeps to itself: in memory, no analytics, no progress bars."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["new_context", "quietly"]


@contextmanager
def quietly() -> Iterator[None]:
    """Spare the caller what Great Expectations and its vendors deprecate among themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def new_context() -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)
