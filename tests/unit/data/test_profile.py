"""The profile of splits against figures worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sagelens.data import ColumnKind, ColumnProfile, Profile, profile, read_table, write_table
from sagelens.data.charts import draw
from sagelens.errors import BadData


def table(folder: Path, rows: int, *, shift: float = 0.0, **more: list[Any]) -> Any:
    import pyarrow as pa

    start = datetime(2013, 1, 1, 6)  # noqa: DTZ001 - the column is without a zone
    columns = {
        "late": [n % 2 for n in range(rows)],
        "time": [start + timedelta(hours=n) for n in range(rows)],
        "carrier": ["AA" if n % 4 else None for n in range(rows)],
        "hour": [n % 24 for n in range(rows)],
        "flag": [n % 2 == 0 for n in range(rows)],
        "delay": [n % 100 + shift for n in range(rows)],
        **more,
    }
    write_table(pa.table(columns), folder)
    return read_table(folder)


@pytest.fixture
def found(tmp_path: Path) -> Profile:
    splits = {"train": table(tmp_path / "a", 1000), "test": table(tmp_path / "b", 200, shift=50.5)}
    return profile(splits, target="late", time="time")


def by_name(found: Profile) -> Mapping[str, ColumnProfile]:
    return {column.name: column for column in found.columns}


def test_columns_are_told_apart_by_kind(found: Profile) -> None:
    assert {name: column.kind for name, column in by_name(found).items()} == {
        "time": ColumnKind.TIME,
        "carrier": ColumnKind.CATEGORICAL,
        "hour": ColumnKind.ORDINAL,
        "flag": ColumnKind.BOOLEAN,
        "delay": ColumnKind.QUANTITATIVE,
    }


def test_rows_and_rates(found: Profile) -> None:
    assert found.rows == {"train": 1000, "test": 200}
    assert found.rates == {"train": 0.5, "test": 0.5}
    assert sum(day.rows for day in found.days) == 1200


def test_summaries_are_exact(found: Profile) -> None:
    summary = by_name(found)["delay"].summaries["train"]
    assert (summary.minimum, summary.maximum, summary.mean, summary.distinct) == (0.0, 99.0, 49.5, 100)
    assert summary.quantiles["0.5"] == 49.0
    assert by_name(found)["carrier"].summaries["train"].missing_share == 0.25


def test_bins_hold_every_present_row(found: Profile) -> None:
    for name in ("carrier", "hour", "flag", "delay"):
        column = by_name(found)[name]
        for split, rows in found.rows.items():
            assert sum(one.counts[split] for one in column.bins) == rows - column.summaries[split].missing


def test_what_moved_drifts_and_what_did_not_does_not(found: Profile) -> None:
    assert by_name(found)["delay"].drift["test"] > 0.25
    assert by_name(found)["carrier"].drift["test"] == pytest.approx(0, abs=1e-6)


def test_a_column_that_gives_the_target_away_is_seen(found: Profile) -> None:
    assert by_name(found)["flag"].information > 5  # type: ignore[operator]
    assert by_name(found)["hour"].correlation == pytest.approx(0.07, abs=0.03)


def test_a_constant_column_has_no_correlation(tmp_path: Path) -> None:
    made = profile({"train": table(tmp_path, 50, same=[1.5] * 50)}, target="late", time="time")
    assert by_name(made)["same"].correlation is None
    assert by_name(made)["same"].bins == ()


def test_a_column_of_many_values_is_counted_in_steps(tmp_path: Path) -> None:
    rows = 30_000
    values = [(n * 7919) % rows / 7 for n in range(rows)]
    made = profile({"train": table(tmp_path, rows, amount=values)}, target="late", time="time")
    summary = by_name(made)["amount"].summaries["train"]
    assert summary.quantiles["0.5"] == pytest.approx(rows / 14, rel=0.01)
    assert summary.distinct > 20_000


@pytest.mark.parametrize("many", [False, True], ids=["few values", "values counted in steps"])
def test_infinite_and_huge_values_are_counted_apart_and_warn_of_nothing(tmp_path: Path, many: bool) -> None:
    """Warnings are errors here; the other figures are those of the finite values, as numbers that JSON has."""
    rows = 60_000 if many else 200
    usual = [float(n) if many else float(n % 50) for n in range(rows)]
    odd = [float("inf"), float("-inf"), float("nan"), float("inf")]
    columns = {
        "odd": [*odd, *usual[4:]],
        "huge": [(-1) ** n * (1.7e308 - n * 1e300) for n in range(rows)],
        "only": [float("inf")] * rows,
    }

    found = profile(
        {
            "train": table(tmp_path / "a", rows, shift=0.0, **columns),
            "test": table(tmp_path / "b", 50, shift=0.0, **{name: values[:50] for name, values in columns.items()}),
        },
        target="late",
        time="time",
    )

    odd_column, huge, only = (by_name(found)[name] for name in ("odd", "huge", "only"))
    summary = odd_column.summaries["train"]
    assert (summary.rows, summary.missing, summary.infinite) == (rows, 1, 3)
    assert (summary.minimum, summary.maximum) == (4.0 if many else 0.0, float(rows - 1) if many else 49.0)
    assert summary.mean == pytest.approx(sum(usual[4:]) / (rows - 4), rel=1e-3)
    assert huge.summaries["train"].deviation == pytest.approx(1.7e308, rel=1e-2)
    assert only.summaries["train"].infinite == rows
    assert only.bins == ()
    draw(found)
    json.dumps(asdict(found), allow_nan=False)


def test_a_missing_target_names_the_split(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="train split has no column later"):
        profile({"train": table(tmp_path, 10)}, target="later", time="time")


def test_figures_are_small_svg_and_the_same_every_time(found: Profile) -> None:
    figures = draw(found)
    assert set(figures) == {
        "target_rate_over_time",
        "target_rate_by_value",
        "distributions",
        "missing_values",
        "drift_between_splits",
        "correlation_with_target",
    }
    assert all(svg.startswith("<svg") and len(svg) < 100_000 for svg in figures.values())
    assert "Share of late by day" in figures["target_rate_over_time"]
    assert draw(found) == figures


def test_a_figure_without_data_is_left_out(tmp_path: Path) -> None:
    import pyarrow as pa

    write_table(pa.table({"late": [0, 1], "time": [datetime(2013, 1, 1)] * 2}), tmp_path)  # noqa: DTZ001 - no zone
    figures = draw(profile({"train": read_table(tmp_path)}, target="late", time="time"))
    assert set(figures) == {"target_rate_over_time"}


def test_a_profile_that_was_read_back_draws_the_same(found: Profile) -> None:
    from pydantic import TypeAdapter

    from sagelens.job.artifacts import as_json

    again = TypeAdapter(Profile).validate_json(as_json("profile", Profile, found))
    assert draw(again) == draw(found)
