"""Preparation: flights that flew, labelled, with the weather of the hour before departure, divided by time."""

from __future__ import annotations

from warnings import warn

from sagelens.data import Table, materialise
from sagelens.errors import BadConfig, BadData
from sagelens.values import TimeSplit

__all__ = ["KNOWN", "WEATHER", "prepare", "with_weather"]

KNOWN = (
    *("year", "month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight", "tailnum", "origin", "dest"),
    *("distance", "hour", "minute", "time_hour"),
)
"""What is known of a flight before it departs: the raw row that a caller of the model sends."""

WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
ORDER = ("time_hour", "sched_dep_time", "carrier", "flight", "origin", "dest", "tailnum", "sched_arr_time", "distance")


def prepare(
    flights: Table, weather: Table, *, label: str, leaks: tuple[str, ...], split: TimeSplit, late_after_minutes: int
) -> tuple[Table, Table, Table]:
    """Train, validation and test: one row a flight, as known before departure, and whether it arrived late."""
    from ibis import _

    _refuse_leaks(leaks, label)
    _require("flights", flights, (*KNOWN, "arr_delay", split.column))
    flown = flights.distinct().filter(_.arr_delay.notnull())  # cancelled and diverted flights never arrive
    labelled = flown.select(*KNOWN, (_.arr_delay > late_after_minutes).cast("int8").name(label))
    prepared = materialise(with_weather(labelled, weather).order_by(*ORDER, label))
    return _divided(prepared, split)


def with_weather(flights: Table, weather: Table) -> Table:
    """The flights with the weather of the hour before: that of the hour of departure is not known yet."""
    import ibis

    _require("weather", weather, ("origin", "time_hour", *WEATHER))
    next_hour = weather.mutate(time_hour=weather.time_hour + ibis.interval(hours=1))
    # One reading an hour and airport; of several, the highest value of each, so that the answer never depends on their order.
    hourly = next_hour.group_by("origin", "time_hour").agg(**{name: next_hour[name].max() for name in WEATHER})
    return flights.left_join(hourly, ["origin", "time_hour"]).select(*flights.columns, *WEATHER)


def _divided(prepared: Table, split: TimeSplit) -> tuple[Table, Table, Table]:
    sizes = prepared.group_by(split.column).agg(rows=prepared.count()).to_pyarrow().to_pylist()
    counts = {size[split.column]: size["rows"] for size in sizes}
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    for name, values in parts.items():
        if not any(counts.get(value) for value in values):
            raise BadData(
                f"The {name} split is empty: no flight that arrived has {split.column} in {list(values)}; "
                f"found {sorted(counts)}. Change preparation.split, or collect other data."
            )
    unused = sorted(set(counts) - {value for values in parts.values() for value in values})
    if unused:
        warn(f"Flights with {split.column} in {unused} belong to no split and are left out.", stacklevel=2)
    train, validation, test = (prepared.filter(prepared[split.column].isin(list(values))) for values in parts.values())
    return train, validation, test


def _refuse_leaks(leaks: tuple[str, ...], label: str) -> None:
    kept = sorted({*leaks, label} & {*KNOWN, *WEATHER})
    if kept:
        raise BadConfig(f"{', '.join(kept)} cannot be a leak or the label: preparation keeps it as known before departure.")


def _require(name: str, table: Table, columns: tuple[str, ...]) -> None:
    missing = [column for column in dict.fromkeys(columns) if column not in table.columns]
    if missing:
        raise BadData(f"Table '{name}' lacks {', '.join(missing)}. It has: {', '.join(table.columns)}.")
