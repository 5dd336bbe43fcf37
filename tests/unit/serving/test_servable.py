"""Packaging, loading and asking a model."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xgboost
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import steps.features
from sagelens.errors import BadData, Refused
from sagelens.features import Batch, FittedTransform
from sagelens.serving import BadRow, Servable, package_model
from sagelens.serving.booster import Booster
from sagelens.serving.manifest import write_manifest
from sagelens.values import Folder, digest_files, digest_listing, digest_path

texts = st.sampled_from(["AA", "UA", "EWR", "MIA", "N1", "N9", "", "ünknown"])
numbers = st.floats(-1e6, 1e6, allow_nan=False)
fields = {
    **dict.fromkeys(("carrier", "origin", "dest"), texts),
    **dict.fromkeys(("sched_dep_time", "sched_arr_time", "distance", "minute"), st.integers(0, 5000)),
    "hour": st.integers(0, 24),
    "year": st.integers(1900, 2100),
    "month": st.integers(1, 12),
    "day": st.integers(1, 31),
}
optional = {"tailnum": st.none() | texts, **dict.fromkeys(("temp", "humid", "wind_gust", "visib"), st.none() | numbers)}
rows_strategy = st.lists(st.fixed_dictionaries(fields, optional=optional), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_strategy)
def test_one_row_a_batch_and_the_pipeline_agree(rows: list[dict[str, Any]], servable: Servable, packaged: Path) -> None:
    table = pa.table({name: pa.array([row.get(name) for row in rows]) for name in servable.schema.fields})
    one_by_one = [servable.predict_rows([row])[0] for row in rows]
    features = FittedTransform.load(packaged / "transform").transform(_as_pipeline(table, servable))
    pipeline = xgboost.Booster(model_file=packaged / "model" / "model.ubj").inplace_predict(features, validate_features=False)

    assert one_by_one == servable.predict_rows(rows).tolist() == servable.predict_table(table).tolist() == pipeline.tolist()


def _as_pipeline(table: pa.Table, servable: Servable) -> Batch:
    """Columns that are all null have no type in Arrow; the pipeline's tables always have one."""
    kinds = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64()}
    typed = {n: table.column(n).cast(kinds[f.type]) for n, f in servable.schema.fields.items()}
    return Batch.of_arrow(pa.table(typed))


def test_a_large_batch_agrees_with_xgboost(
    servable: Servable, packaged: Path, make_flights: Callable[[int, int], pa.Table]
) -> None:
    batch = Batch.of_arrow(make_flights(5000, 9))
    trees = xgboost.Booster(model_file=packaged / "model" / "model.ubj")

    expected = trees.inplace_predict(servable.transform.transform(batch), validate_features=False)

    np.testing.assert_array_equal(servable.predict(batch), expected)


def test_an_empty_batch_has_no_scores(servable: Servable) -> None:
    assert servable.predict_rows([]).tolist() == []


def test_labels_are_scores_from_the_threshold_on(servable: Servable) -> None:
    assert replace(servable, threshold=0.5).labels(np.array([0.25, 0.5, 0.75], dtype=np.float32)) == [False, True, True]


def test_the_schema_is_the_raw_row(servable: Servable) -> None:
    properties, required = servable.document["properties"], servable.document["required"]

    assert properties["carrier"] == {"type": "string"}
    assert properties["hour"] == {"type": "integer"}
    assert properties["temp"] == {"type": ["number", "null"]}
    assert properties["tailnum"] == {"type": ["string", "null"]}
    assert required == [
        "year",
        "month",
        "day",
        "sched_dep_time",
        "sched_arr_time",
        "carrier",
        "origin",
        "dest",
        "distance",
        "hour",
        "minute",
    ]
    assert not {"late", "seats", "plane_age", "dow"} & set(properties)


def test_the_schema_agrees_with_a_json_schema_validator(servable: Servable, sample: list[dict[str, Any]]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(servable.document)
    changes: list[dict[str, Any]] = [
        {},
        {"hour": 7.0},
        {"hour": 7.5},
        {"hour": "7"},
        {"hour": None},
        {"temp": None},
        {"x": 1},
        {"hour": True},
    ]

    for change in changes:
        row = {**sample[0], **change}
        assert _accepted(servable, row) == validator.is_valid(row), change


def _accepted(servable: Servable, row: dict[str, Any]) -> bool:
    try:
        servable.predict_rows([row])
    except BadRow:
        return False
    return True


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"hour": "seven"}, "hour", r"Row 1: field 'hour' is 'seven'; integer is expected"),
        ({"hour": 7.5}, "hour", r"Row 1: field 'hour' is 7\.5; integer is expected"),
        ({"hour": None}, "hour", r"Row 1: field 'hour' is null; integer is expected"),
        ({"hour": True}, "hour", r"Row 1: field 'hour' is True; integer is expected"),
        ({"carrier": 3}, "carrier", r"Row 1: field 'carrier' is 3; string is expected"),
        ({"temp": float("inf")}, "temp", r"Row 1: field 'temp' is inf; number or null is expected"),
        ({"hour": 10**400}, "hour", r"Row 1: field 'hour' is 1000"),
        ({"dep_delay": 3}, "dep_delay", r"Row 1: field 'dep_delay' is not known. Known fields: year, month"),
    ],
)
def test_a_bad_row_says_which_field_of_which_row(
    servable: Servable, sample: list[dict[str, Any]], change: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(BadRow, match=message) as refused:
        servable.predict_rows([sample[0], {**sample[1], **change}])

    assert (refused.value.field, refused.value.row) == (field, 1)


def test_a_missing_field_is_named(servable: Servable, sample: list[dict[str, Any]]) -> None:
    without = {name: value for name, value in sample[0].items() if name != "carrier"}

    with pytest.raises(BadRow, match="Row 0: field 'carrier' is missing; string is expected"):
        servable.predict_rows([without])


def test_unknown_categories_and_absent_weather_are_answered(servable: Servable, sample: list[dict[str, Any]]) -> None:
    required = {name: sample[0][name] for name in servable.document["required"]}

    assert 0 < servable.predict_rows([{**required, "carrier": "ZZ", "dest": "XXX", "tailnum": "?"}])[0] < 1


def test_a_table_is_checked_by_column(servable: Servable, make_flights: Callable[[int, int], pa.Table]) -> None:
    table = make_flights(3, 1).drop_columns(["late"])
    late = pa.array([None, None, 3])

    with pytest.raises(BadRow, match="Row 0: field 'hour' is null"):
        servable.predict_table(table.set_column(table.column_names.index("hour"), "hour", late))
    with pytest.raises(BadRow, match="'hour' is of type string; integer is expected"):
        servable.predict_table(table.set_column(table.column_names.index("hour"), "hour", pa.array(["a", "b", "c"])))
    with pytest.raises(BadRow, match="'dest' is missing"):
        servable.predict_table(table.drop_columns(["dest"]))
    with pytest.raises(BadRow, match="'late' is not known"):
        servable.predict_table(make_flights(3, 1))


def test_the_folder_holds_what_serving_needs(packaged: Path) -> None:
    files = digest_files(packaged)
    expected = {
        "model/model.ubj",
        "model/model.json",
        "transform/transform.json",
        "schema.json",
        "sample.jsonl",
        "golden.jsonl",
        "manifest.json",
    }
    code = {"code/sagelens/serving/__main__.py", "code/steps/features.py", "code/sagelens-code.json", "code/sagelens/errors.py"}

    assert expected | code <= set(files)
    assert not any("quality" in file or "/local/" in file for file in files)


def test_the_golden_set_is_what_the_model_answers_to_its_sample(
    packaged: Path, sample: list[dict[str, Any]], servable: Servable
) -> None:
    golden = [json.loads(line) for line in (packaged / "golden.jsonl").read_text().splitlines()]

    rows = [line["row"] for line in golden]
    assert rows[: len(sample)] == sample
    assert [line["score"] for line in golden] == pytest.approx(servable.predict_rows(rows).tolist(), abs=1e-6)
    nullable = [name for name in servable.transform.inputs if servable.schema.fields[name].nullable]
    assert all(any(row[name] is None for row in rows) for name in nullable if name != "dest")


def test_the_packaged_code_serves_without_the_project(packaged: Path, sample: list[dict[str, Any]], servable: Servable) -> None:
    program = (
        "import json, sys; from pathlib import Path; import sagelens; from sagelens.serving import Servable;"
        "model = Servable.load(Path(sys.argv[1])); import steps.features;"
        "assert steps.features.__file__.startswith(sys.argv[1]) and sagelens.__file__.startswith(sys.argv[1]);"
        "heavy = {'pandas', 'pyarrow', 'sklearn', 'xgboost', 'duckdb'} & set(sys.modules); assert not heavy, heavy;"
        "print(json.dumps(model.predict_rows(json.loads(sys.argv[2])).tolist()))"
    )
    command = [sys.executable, "-B", "-c", program, str(packaged), json.dumps(sample)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", env={"PYTHONPATH": f"{packaged}/code"})

    assert json.loads(done.stdout) == servable.predict_rows(sample).tolist()


def test_packaging_twice_gives_the_same_bytes(made: Any, packaged: Path) -> None:
    again = package_model(made.model, made.transform, made.train, label="late")

    assert digest_path(again.path) == digest_path(packaged)


@pytest.mark.parametrize("file", ["model/model.ubj", "transform/transform.json", "schema.json", "code/steps/features.py"])
def test_a_changed_file_is_refused(copy: Path, file: str) -> None:
    (copy / file).write_bytes((copy / file).read_bytes() + b" ")

    with pytest.raises(Refused, match=f"is not what was packaged: {file} differ"):
        Servable.load(copy)


def test_an_added_and_a_removed_file_are_refused(copy: Path) -> None:
    (copy / "code" / "extra.py").write_text("")
    (copy / "sample.jsonl").unlink()

    with pytest.raises(Refused, match=r"code/extra\.py, sample\.jsonl differ"):
        Servable.load(copy)


def test_the_expected_digest_may_be_the_manifests_or_the_folders(packaged: Path) -> None:
    listed = json.loads((packaged / "manifest.json").read_text())["digest"]

    assert Servable.load(packaged, listed).digest == Servable.load(packaged, digest_path(packaged)).digest == listed
    with pytest.raises(Refused, match=f"has digest {listed}, but 1234 was to be served"):
        Servable.load(packaged, "1234")


def test_a_model_with_another_transform_is_refused(made: Any, tmp_path: Path) -> None:
    card = json.loads((made.model.path / "model.json").read_text())
    (tmp_path / "model.ubj").write_bytes((made.model.path / "model.ubj").read_bytes())
    (tmp_path / "model.json").write_text(json.dumps({**card, "features": card["features"][::-1]}))

    with pytest.raises(Refused, match="Package a model with the transform that made its features"):
        package_model(Folder(tmp_path), made.transform, made.train, label="late")


def test_a_broken_model_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.ubj").write_bytes(b"no model")

    with pytest.raises(BadData, match=r"XGBoost cannot load 'model\.ubj'"):
        Booster(tmp_path / "model.ubj")


def test_the_manifest_digest_is_that_of_its_files(packaged: Path) -> None:
    manifest = json.loads((packaged / "manifest.json").read_text())

    assert manifest["digest"] == digest_listing(manifest["files"])
    assert {**manifest["files"], "manifest.json": digest_files(packaged)["manifest.json"]} == digest_files(packaged)


@pytest.mark.parametrize(("value", "shown"), [(float("nan"), "is null"), (float("inf"), "is inf"), (1e300, r"is 1e\+300")])
def test_numbers_that_no_feature_can_hold_are_refused_in_tables(
    servable: Servable, make_flights: Callable[[int, int], pa.Table], value: float, shown: str
) -> None:
    table = make_flights(3, 1).drop_columns(["late"])
    changed = table.set_column(table.column_names.index("hour"), "hour", pa.array([7.0, 8.0, value]))

    with pytest.raises(BadRow, match=f"Row 2: field 'hour' {shown}"):
        servable.predict_table(changed)


REPLACED = """

_today = derive


def derive(columns):
    return {name: values * 0 for name, values in _today(columns).items()}
"""


def test_a_model_is_served_with_the_code_that_it_was_packaged_with(
    copy: Path, servable: Servable, sample: list[dict[str, Any]]
) -> None:
    module = copy / "code" / "steps" / "features.py"
    module.write_text(module.read_text() + REPLACED)
    (copy / "manifest.json").unlink()
    write_manifest(copy)
    before = steps.features.derive

    older = Servable.load(copy)

    assert not np.array_equal(older.predict_rows(sample), servable.predict_rows(sample))
    assert sys.modules["steps.features"].derive is before
    assert not list(copy.rglob("__pycache__"))
