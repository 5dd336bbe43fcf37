"""A fitted transform as a whole, and what is checked of its features."""

import json
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sagelens.errors import BadConfig, BadData, Refused
from sagelens.features import (
    Batch,
    Derived,
    FittedTransform,
    Lookup,
    OutsideTrainingRange,
    refuse_leaks,
    warn_outside_training_range,
)

PLANES = Batch.of_columns({"tailnum": ["N1", "N2"], "built": [2000, 2010], "seats": [100, None], "maker": ["BOEING", "AIRBUS"]})


def age(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {"age": columns["year"] - columns["built"]}


def raw(rows: int = 4) -> Batch:
    columns: dict[str, list[Any]] = {
        "carrier": ["UA", "AA", "UA", None],
        "tailnum": ["N1", "N2", "N9", None],
        "year": [2013, 2013, 2014, 2014],
        "temp": [10.0, None, 30.0, 50.0],
    }
    return Batch.of_columns({name: values[:rows] for name, values in columns.items()})


@pytest.fixture
def fitted() -> FittedTransform:
    columns = {"built": "built", "seats": "seats", "maker": "maker"}
    return FittedTransform.fit(
        raw(),
        categorical=["carrier", "maker"],
        numeric=["temp", "age"],
        lookups=[Lookup.of("planes", PLANES, on="tailnum", key="tailnum", columns=columns)],
        derived=Derived(age),
    )


def test_features_come_in_order_joined_derived_encoded_and_filled(fitted: FittedTransform) -> None:
    features = fitted.transform(raw())

    assert fitted.get_feature_names_out() == ("carrier_code", "maker_code", "temp", "age")
    assert features.dtype == np.float32
    assert features.tolist() == [[1, 1, 10, 13], [0, 0, 30, 3], [1, -1, 30, 8], [-1, -1, 50, 8]]


def test_one_row_gives_what_it_gives_among_others(fitted: FittedTransform) -> None:
    assert fitted.transform(raw(1)).tolist() == fitted.transform(raw())[:1].tolist()


def test_only_what_is_needed_travels(fitted: FittedTransform) -> None:
    assert fitted.lookups[0].gives == ("built", "maker")
    assert sorted(fitted.inputs) == ["carrier", "tailnum", "temp", "year"]


def test_a_saved_transform_does_the_same(fitted: FittedTransform, tmp_path: Path) -> None:
    fitted.save(tmp_path / "transform")
    loaded = FittedTransform.load(tmp_path / "transform")

    np.testing.assert_array_equal(loaded.transform(raw()), fitted.transform(raw()))
    assert (loaded.inputs, loaded.get_feature_names_out()) == (fitted.inputs, fitted.get_feature_names_out())


def test_a_transform_is_saved_to_the_same_bytes(fitted: FittedTransform, tmp_path: Path) -> None:
    fitted.save(tmp_path / "one")
    FittedTransform.load(tmp_path / "one").save(tmp_path / "two")

    assert [(f.name, f.read_bytes()) for f in sorted((tmp_path / "one").iterdir())] == [
        (f.name, f.read_bytes()) for f in sorted((tmp_path / "two").iterdir())
    ]


def test_a_transform_of_another_version_is_refused(fitted: FittedTransform, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    state = json.loads((tmp_path / "transform.json").read_text())
    (tmp_path / "transform.json").write_text(json.dumps({**state, "version": 99}))

    with pytest.raises(Refused, match="is of version 99; this code reads version 1"):
        FittedTransform.load(tmp_path)


def test_a_folder_without_a_transform_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"transform\.json' cannot be read"):
        FittedTransform.load(tmp_path)


def test_a_feature_that_no_column_gives_is_refused() -> None:
    with pytest.raises(BadConfig, match=r"No column gives the feature humidity\. Known columns: carrier, tailnum, year, temp"):
        FittedTransform.fit(raw(), categorical=["carrier"], numeric=["humidity"])


def test_no_training_rows_are_refused() -> None:
    with pytest.raises(BadData, match="no training rows"):
        FittedTransform.fit(raw(0), categorical=[], numeric=["temp"])


def test_the_label_and_leaks_are_refused_by_name() -> None:
    with pytest.raises(BadConfig, match="label 'late'"):
        refuse_leaks(["hour", "late"], leaks=["dep_delay"], label="late")
    with pytest.raises(BadConfig, match="Features air_time, dep_delay leak"):
        refuse_leaks(["hour", "dep_delay", "air_time"], leaks=["dep_delay", "air_time"], label="late")


def test_a_feature_outside_its_training_range_is_warned_of() -> None:
    train, test = np.array([[1, 1], [8, 9]], dtype=np.float32), np.array([[11, 2], [7, 3]], dtype=np.float32)

    with pytest.warns(
        OutsideTrainingRange, match="Feature 'month': 50% of the test rows lie outside its training range, 1 to 8"
    ) as seen:
        warn_outside_training_range(["month", "hour"], train, test)
    assert len(seen) == 1


def test_a_few_rows_outside_the_range_are_no_reason_to_warn() -> None:
    test = np.array([[9], *[[2]] * 99], dtype=np.float32)

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warn_outside_training_range(["hour"], np.array([[1], [8]], dtype=np.float32), test)
    assert seen == []


@pytest.mark.parametrize("module", ["sagelens.features", "sagelens.serving", "sagelens.serving.server", "steps.features"])
def test_importing_loads_no_heavy_vendor(module: str) -> None:
    heavy = {"numpy", "pandas", "pyarrow", "duckdb", "ibis", "sklearn", "xgboost", "boto3", "sagemaker", "uvicorn"}
    code = f"import sys, {module}; print(sorted(set(sys.modules) & {heavy!r}))"

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == "[]"


def test_infinity_cannot_be_kept_and_its_column_is_named(tmp_path: Path) -> None:
    train = Batch.of_columns({"key": ["a", "b"], "temp": [float("inf"), float("inf")]})
    reference = Batch.of_columns({"key": ["a", "b"], "seats": [1.0, float("inf")]})
    lookup = Lookup.of("planes", reference, on="key", key="key", columns={"seats": "seats"})

    with pytest.raises(BadData, match="Column 'temp' holds infinity"):
        FittedTransform.fit(train, categorical=["key"], numeric=["temp"]).save(tmp_path)
    finite = Batch.of_columns({"key": ["a", "a"]})
    with pytest.raises(BadData, match="Column 'seats' of table 'planes' holds infinity"):
        FittedTransform.fit(finite, categorical=["key"], numeric=["seats"], lookups=[lookup]).save(tmp_path)
