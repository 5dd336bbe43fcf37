"""What training prints is what SageMaker's metric definitions find."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelens.training import metric_line, metric_patterns


def found(name: str, line: str) -> float | None:
    match = re.search(metric_patterns(name)[name], line)
    return float(match[1]) if match else None


@given(st.floats(allow_nan=False, allow_infinity=False), st.none() | st.integers(0, 10_000))
def test_every_number_is_found_in_its_line(value: float, round_: int | None) -> None:
    read = found("validation-error@0.7", metric_line("validation-error@0.7", value, round_=round_))

    assert read is not None
    assert math.isclose(read, value, rel_tol=1e-5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_found(value: float) -> None:
    assert found("loss", metric_line("loss", value)) is None


@pytest.mark.parametrize(
    "line", ["cross-validation-loss=0.5", "validation-loss2=0.5", "validation.loss=0.5", "validation-loss=0.5x"]
)
def test_a_line_of_another_metric_is_not_taken(line: str) -> None:
    assert found("validation-loss", line) is None
