"""Numbers and times as people read them."""

from __future__ import annotations

import pytest

from sagelens.evaluation.report import wording


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0"),
        (0.68841, "0.6884"),
        (0.00002, "2e-05"),
        (42.641, "42.64"),
        (690.04, "690.0"),
        (1234567.0, "1,234,567"),
        (float("inf"), "inf"),
    ],
)
def test_figures(number: float | None, text: str) -> None:
    assert wording.figure(number) == text


@pytest.mark.parametrize(
    ("duration", "text"),
    [(None, "\N{EN DASH}"), (0.0042, "4 ms"), (0.5, "0.50 s"), (12.34, "12.3 s"), (125, "2 min 05 s"), (3720, "1 h 02 min")],
)
def test_durations(duration: float | None, text: str) -> None:
    assert wording.seconds(duration) == text


@pytest.mark.parametrize(("bytes_", "text"), [(12, "12 B"), (4096, "4.1 kB"), (922_000, "922 kB"), (5e9, "5.0 GB")])
def test_sizes(bytes_: float, text: str) -> None:
    assert wording.size(bytes_) == text


@pytest.mark.parametrize(("share", "text"), [(0, "0.0 %"), (0.0004, "< 0.1 %"), (0.831, "83.1 %"), (None, "\N{EN DASH}")])
def test_shares(share: float | None, text: str) -> None:
    assert wording.percent(share) == text


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (None, "\N{EN DASH}"),
        (True, "yes"),
        (0.1234567, "0.123457"),
        (["a", 2], "a, 2"),
        ([], "\N{EN DASH}"),
        ({"a": 1}, "{'a': 1}"),
    ],
)
def test_plain_values(found: object, text: str) -> None:
    assert wording.value(found) == text


def test_a_moment_is_told_in_utc() -> None:
    assert wording.clock(1_764_000_000.0) == "24 November 2025, 16:00:00 UTC"


def test_a_sign_is_a_real_minus() -> None:
    assert (wording.signed(-0.5, 1), wording.signed(0.5, 1)) == ("\N{MINUS SIGN}0.5", "+0.5")
