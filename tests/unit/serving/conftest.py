"""A small model of made-up flights, packaged as the pipeline does it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xgboost

from sagelens.data import read_table, write_table
from sagelens.project.model import Features
from sagelens.serving import Servable
from sagelens.training import BoostedModel, save_model
from sagelens.values import Folder
from steps.features import engineer, package

CARRIERS = ["AA", "B6", "DL", "UA"]
CATEGORICAL = ("carrier", "origin", "dest", "engine", "manufacturer", "tzone")
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
PLAIN = ("sched_dep_time", "sched_arr_time", "distance", "hour", "minute", "dow", "weekend", "rush")
NUMERIC = (*PLAIN, "plane_age", "seats", "engines", "lat", "lon", "alt", *WEATHER)


def flights(rows: int, seed: int) -> pa.Table:
    """Prepared flights; weather and tail numbers are missing here and there."""
    random = np.random.default_rng(seed)
    hour = random.integers(5, 23, rows)
    weather = {name: pa.array(random.normal(20, 5, rows), mask=random.random(rows) < 0.1) for name in WEATHER}
    return pa.table(
        {
            "year": np.full(rows, 2013),
            "month": random.integers(1, 13, rows),
            "day": random.integers(1, 29, rows),
            "sched_dep_time": hour * 100,
            "sched_arr_time": hour * 100 + 200,
            "carrier": random.choice(CARRIERS, rows),
            "flight": random.integers(1, 5000, rows),
            "tailnum": pa.array(random.choice(["N1", "N2", "N3", "N9"], rows), mask=random.random(rows) < 0.1),
            "origin": random.choice(["EWR", "JFK", "LGA"], rows),
            "dest": random.choice(["IAH", "MIA", "SJU"], rows),
            "distance": random.integers(100, 3000, rows),
            "hour": hour,
            "minute": np.zeros(rows, dtype=np.int64),
            **weather,
            "late": (hour + random.normal(0, 6, rows) > 16).astype(np.int8),
        }
    )


def references() -> dict[str, pa.Table]:
    engine = {"engines": [2, 2, 1], "seats": [100, 200, 8], "engine": ["Turbo-fan", "Turbo-fan", "Reciprocating"]}
    planes = {"tailnum": ["N1", "N2", "N3"], "year": [1999, None, 2005], "manufacturer": ["BOEING", "AIRBUS", "CESSNA"], **engine}
    zones = {"tzone": ["America/Chicago", "America/New_York"]}
    airports = {"faa": ["IAH", "MIA"], "lat": [29.98, 25.79], "lon": [-95.34, -80.29], "alt": [97, 8], **zones}
    return {
        "planes": pa.table(planes),
        "airports": pa.table(airports),
        "airlines": pa.table({"carrier": CARRIERS, "name": CARRIERS}),
    }


@dataclass(frozen=True)
class Made:
    """What the steps before packaging gave."""

    model: Folder
    transform: Folder
    train: Any
    features: tuple[str, ...]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    work = tmp_path_factory.mktemp("made")
    given = {
        split: flights(rows, seed) for seed, (split, rows) in enumerate({"train": 600, "validation": 50, "test": 50}.items())
    }
    for name, table in {**given, **references()}.items():
        write_table(table, work / name)
    tables = [read_table(work / name) for name in (*given, *references())]
    features = Features(categorical=CATEGORICAL, numeric=NUMERIC, options={"outside_range_share": 1.0})
    transform, train, *_ = engineer(*tables, features=features, leaks=(), label="late")
    return Made(_trained(train, work), transform, tables[0], (*train.column_names[:-1],))


def _trained(train: pa.Table, work: Path) -> Folder:
    names = train.column_names[:-1]
    matrix = xgboost.DMatrix(np.column_stack([train.column(n).to_numpy() for n in names]), train.column("late").to_numpy())
    matrix.feature_names = names
    trees = xgboost.train({"objective": "binary:logistic", "max_depth": 4, "nthread": 1, "seed": 1}, matrix, 20)
    card = BoostedModel(
        label="late", features=tuple(names), threshold=0.4, best_iteration=19, settings={}, importances={}, evals={}
    )
    (work / "model").mkdir()
    save_model(trees, card, work / "model")
    return Folder(work / "model")


@pytest.fixture(scope="session")
def packaged(made: Made) -> Path:
    return package(made.model, made.transform, made.train, label="late").path


@pytest.fixture(scope="session")
def servable(packaged: Path) -> Servable:
    return Servable.load(packaged)


@pytest.fixture(scope="session")
def sample(packaged: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (packaged / "sample.jsonl").read_text().splitlines()]


@pytest.fixture
def copy(packaged: Path, tmp_path: Path) -> Path:
    """The packaged folder, to be spoilt."""
    return Path(shutil.copytree(packaged, tmp_path / "copy"))


@pytest.fixture(scope="session")
def make_flights() -> Callable[[int, int], pa.Table]:
    return flights
