"""Whether XGBoost knows what a configuration names, and whether it fits the task."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sagelens.errors import BadConfig
from sagelens.project.model import XGBoostSettings
from sagelens.values.suggestion import suggestion

__all__ = ["problems_of", "refuse_names", "unusable_names"]

_OBJECTIVES = ("binary:logistic", "reg:logistic")  # those whose answer is a probability, which is what is served and measured
_EVAL_METRICS = ("auc", "aucpr", "error", "logloss", "mae", "rmse")  # XGBoost's, of one score a row
_FORBIDDEN = frozenset("[]<")  # XGBoost writes conditions on features with these
_ERROR_AT = re.compile(r"error@0?\.\d+")


def problems_of(settings: XGBoostSettings) -> Iterator[tuple[str, str]]:
    """The key and what is wrong with it."""
    if settings.objective not in _OBJECTIVES:
        said = suggestion(settings.objective, _OBJECTIVES)
        yield (
            "training.xgboost.objective",
            f"'{settings.objective}' gives no probability of a class, which the task needs. {said}",
        )
    if settings.eval_metric not in _EVAL_METRICS and not _ERROR_AT.fullmatch(settings.eval_metric):
        said = suggestion(settings.eval_metric, _EVAL_METRICS)
        yield "training.xgboost.eval_metric", f"'{settings.eval_metric}' is no metric of XGBoost's for the task. {said}"


def unusable_names(features: Iterable[str]) -> list[str]:
    """Features whose names XGBoost does not take."""
    return [name for name in features if _FORBIDDEN & set(name)]


def refuse_names(features: Iterable[str]) -> None:
    """Raises BadConfig, before anything is trained."""
    wrong = unusable_names(features)
    if wrong:
        raise BadConfig(
            f"Features {', '.join(map(repr, wrong))} cannot be named so: XGBoost takes no [, ] or < in a name. Rename the "
            "columns in preparation, and under features."
        )
