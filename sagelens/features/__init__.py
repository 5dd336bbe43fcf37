"""Fitted transforms that travel with the model: one code path for training batches and for one raw row at serving.

Names are resolved when first used, since the modules behind them need numpy, which composing a pipeline does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagelens.features.batch import Batch, Coded
    from sagelens.features.calendar import day_of_week
    from sagelens.features.checks import OutsideTrainingRange, refuse_leaks, warn_outside_training_range
    from sagelens.features.derived import Derived
    from sagelens.features.encoder import OrdinalEncoder
    from sagelens.features.imputer import MedianImputer
    from sagelens.features.lookup import Lookup
    from sagelens.features.transform import FittedTransform

__all__ = [
    "Batch",
    "Coded",
    "Derived",
    "FittedTransform",
    "Lookup",
    "MedianImputer",
    "OrdinalEncoder",
    "OutsideTrainingRange",
    "day_of_week",
    "refuse_leaks",
    "warn_outside_training_range",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sagelens.features import batch, calendar, checks, derived, encoder, imputer, lookup, transform

    modules = (batch, calendar, checks, derived, encoder, imputer, lookup, transform)
    return next(getattr(module, name) for module in modules if name in module.__all__)
