"""Which curves of a step are recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagelens.job.evidence import _curves
from sagelens.job.run import Trace
from sagelens.values import Folder


def recorded(*given: dict[str, Any]) -> tuple[dict[str, tuple[float | None, ...]], list[str]]:
    return _curves(Trace(results=[Folder(Path("model"), curves=curves) for curves in given]))


def test_what_is_no_number_is_a_round_without_one() -> None:
    assert recorded({"loss": [1, float("inf"), None, "x", 0.5]}) == ({"loss": (1.0, None, None, None, 0.5)}, [])


def test_a_second_curve_of_a_name_is_not_put_over_the_first() -> None:
    curves, warnings = recorded({"loss": [1.0]}, {"loss": [2.0], "error": [3.0]})

    assert curves == {"loss": (1.0,), "error": (3.0,)}
    assert warnings[0].startswith("1 of 3 curves are not recorded: loss. A step has 40 curves at most")


def test_curves_and_rounds_have_bounds_and_a_warning_names_what_is_left_out() -> None:
    many = {f"c{number}": [0.0] for number in range(45)}
    curves, warnings = recorded({"long": [0.0] * 100_001}, many)

    assert list(curves) == [f"c{number}" for number in range(40)]
    assert warnings[0].startswith("6 of 46 curves are not recorded: long, c40, c41 and others.")
