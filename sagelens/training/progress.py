"""Figures of training in the job's log: a form that people read, and SageMaker's metric definitions find."""

from __future__ import annotations

import re

__all__ = ["metric_line", "metric_patterns"]

_NUMBER = r"([-+]?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?)"


def metric_line(name: str, value: float, *, round_: int | None = None) -> str:
    """Such as `validation-logloss=0.512345`; with the number of a round, from 0, that stands before it."""
    plain = value == 0 or 0.1 <= abs(value) < 1e9  # of others, six decimals would say little or too much
    said = f"{name}={value:.6f}" if plain else f"{name}={value:.6g}"
    return said if round_ is None else f"round {round_}: {said}"


def metric_patterns(*names: str) -> dict[str, str]:
    """By name, the regular expression whose first group is the number in a line of that metric; `nan` and `inf` are none."""
    return {name: rf"(?:^|\s){re.escape(name)}={_NUMBER}(?:\s|$)" for name in names}
