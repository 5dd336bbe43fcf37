"""Batch scoring's own steps: what is selected, and what may be landed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest
from pyarrow import parquet

from sagelens.errors import BadConfig, BadData, StepFailed
from sagelens.values import Folder
from steps.preparation import KNOWN, WEATHER
from steps.scoring import ModelReference, land, select

REFERENCE = ModelReference(model_name="m", model_digest="d" * 64, model_package_arn="arn")
HOUR = datetime(2013, 11, 1, 10, tzinfo=UTC)


def flight(**changes: Any) -> dict[str, Any]:
    row = {"year": 2013, "month": 11, "day": 1, "sched_dep_time": 500, "sched_arr_time": 700, "carrier": "AA", "flight": 1}
    row |= {"tailnum": "N1", "origin": "JFK", "dest": "BOS", "distance": 100, "hour": 5, "minute": 0, "time_hour": HOUR}
    return {**row, "dep_delay": 3, "arr_delay": None, **changes}


def table(*rows: dict[str, Any]) -> Any:
    return ibis.memtable(pa.Table.from_pylist(list(rows)))


def weather(hour: datetime) -> Any:
    return table({"origin": "JFK", "time_hour": hour, **dict.fromkeys(WEATHER, 7.0)})


def selected(*flights: dict[str, Any], hour: datetime = HOUR, **settings: Any) -> list[dict[str, Any]]:
    given = {"label": "late", "leaks": ("dep_delay",), **settings}
    rows: list[dict[str, Any]] = select(table(*flights), weather(hour), **given).to_pyarrow().to_pylist()
    return rows


def test_rows_hold_what_is_known_and_nothing_else() -> None:
    (row,) = selected(flight())

    assert tuple(row) == (*KNOWN, *WEATHER)


def test_one_month_in_a_fixed_order_without_doubles() -> None:
    rows = selected(flight(flight=9), flight(flight=2), flight(flight=2), flight(month=10, flight=1), month=11)

    assert [row["flight"] for row in rows] == [2, 9]


def test_the_weather_is_that_of_the_hour_before() -> None:
    assert selected(flight(), hour=HOUR)[0]["temp"] is None
    assert selected(flight(), hour=HOUR.replace(hour=9))[0]["temp"] == 7.0


def test_a_month_without_flights_names_those_that_have_some() -> None:
    with pytest.raises(BadData, match=r"month 3; the data hold \[10, 11\]"):
        selected(flight(), flight(month=10), month=3)


def test_a_leak_among_the_rows_is_refused() -> None:
    with pytest.raises(BadConfig, match="distance cannot be a leak"):
        selected(flight(), leaks=("distance",))


def scored(folder: Path, *parts: list[float | None]) -> Folder:
    for number, scores in enumerate(parts):
        answers = pa.table({"score": pa.array(scores, pa.float32()), "label": pa.array([bool(s) for s in scores])})
        parquet.write_table(answers, folder / f"part-{number}.parquet.out")
    return Folder(folder)


def test_answers_are_joined_in_the_order_of_the_rows(tmp_path: Path) -> None:
    rows = table(flight(flight=1), flight(flight=2), flight(flight=3))

    predictions: Any = land(rows, scored(tmp_path, [0.5, 0.25], [0.0]), REFERENCE)
    landed = predictions.to_pylist()

    assert [(row["row_id"], row["flight"], row["score"], row["label"]) for row in landed] == [
        (0, 1, 0.5, True),
        (1, 2, 0.25, True),
        (2, 3, 0.0, False),
    ]
    assert {row["model_digest"] for row in landed} == {"d" * 64}


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([0.5, 0.5], "answered 2 of 1 rows"),
        ([1.5], r"scores run from 1\.5 to 1\.5"),
        ([float("nan")], "1 are not numbers"),
        ([None], "without a score"),
    ],
)
def test_answers_that_cannot_be_right_are_refused(tmp_path: Path, scores: list[float | None], said: str) -> None:
    with pytest.raises(StepFailed, match=said):
        land(table(flight()), scored(tmp_path, scores), REFERENCE)


def test_no_answer_and_no_parquet_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="left no"):
        land(table(flight()), Folder(tmp_path), REFERENCE)

    (tmp_path / "part-0.parquet.out").write_text("error")
    with pytest.raises(StepFailed, match="not Parquet"):
        land(table(flight()), Folder(tmp_path), REFERENCE)
