"""Names in configs/ that mean nothing are refused, with what may have been meant."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from sagelens.errors import BadConfig
from sagelens.pipeline.compose import list_pipelines, load_pipeline
from sagelens.pipeline.names import check_names, column_problems, name_problems, unused_problems
from sagelens.pipeline.profiled import profile_sources, value_problems
from sagelens.project import Project, load_project

ROOT = Path(__file__).resolve().parents[3]
FLIGHTS = (
    *("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay", "carrier"),
    *("flight", "tailnum", "origin", "dest", "air_time", "distance", "hour", "minute", "time_hour"),
)


def loaded(*settings: str, root: Path = ROOT) -> Project:
    return load_project(root, settings=settings)


@pytest.mark.parametrize(
    ("setting", "key", "message"),
    [
        ("training.xgboost.objective=binary:logistc", "training.xgboost.objective", "Did you mean binary:logistic?"),
        ("training.xgboost.objective=reg:squarederror", "training.xgboost.objective", "gives no probability"),
        ("training.xgboost.eval_metric=log_loss", "training.xgboost.eval_metric", "Did you mean logloss?"),
        ("features.numeric=[hour, hour]", "features.numeric", "hour stands there more than once"),
        ("features.numeric=[carrier_code]", "features.numeric", "'carrier_code' is also what the codes"),
        ("features.numeric=[carrier]", "features", "carrier stands under categorical and under numeric"),
        ("features.numeric=[late]", "features.numeric", "'late' is the label"),
        ("features.numeric=[dep_delay]", "features.numeric", "'dep_delay' is among preparation.leaks"),
    ],
)
def test_settings_of_the_model_and_features(setting: str, key: str, message: str) -> None:
    (problem,) = name_problems(loaded(setting))

    assert problem.where == key
    assert message in problem.message


def test_an_error_at_a_threshold_is_a_metric() -> None:
    assert name_problems(loaded("training.xgboost.eval_metric=error@0.3")) == []


def test_a_run_is_refused_before_it_starts() -> None:
    with pytest.raises(BadConfig, match=r"framing\.metric: .* Did you mean roc_auc\?"):
        check_names(loaded("framing.metric=roc_acu"))


@pytest.mark.parametrize(
    ("setting", "key", "message"),
    [
        ("evaluation.slices=[carier]", "evaluation.slices", "no source has a column 'carier'.*Did you mean carrier"),
        ("features.numeric=[distanze]", "features.numeric", "'distanze'.*Did you mean distance"),
        ("preparation.leaks=[dep_tim]", "preparation.leaks", "'dep_tim'.*Did you mean dep_time"),
        ("preparation.split.column=mont", "preparation.split.column", "'mont'.*Did you mean month"),
    ],
)
def test_columns_that_no_source_has_and_no_code_makes(setting: str, key: str, message: str) -> None:
    (problem,) = column_problems(loaded(setting), {"flights": FLIGHTS})

    assert problem.where == key
    assert re.search(message, problem.message)


def test_derived_columns_are_named_by_the_projects_code() -> None:
    assert column_problems(loaded(), {"flights": FLIGHTS}) == []


def test_nothing_is_said_of_columns_while_a_source_is_unknown() -> None:
    assert column_problems(loaded("evaluation.slices=[carier]"), {"flights": FLIGHTS, "planes": None}) == []


def test_a_suite_on_a_source_names_its_columns_only() -> None:
    found = column_problems(loaded(), {"planes": ("tailnum", "year"), "flights": None})

    assert {problem.where for problem in found} == {"configs/quality/raw_planes.yaml (gate raw)"}
    assert any("source 'planes' has no column" in problem.message for problem in found)


def test_the_key_and_the_conditions_of_a_suite_name_columns_too(churn: Path) -> None:
    suite = {
        "name": "raw",
        "meta": {"key": ["costumer"]},
        "expectations": [
            {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1, "row_condition": "tenur > 1"}},
        ],
    }
    (churn / "configs" / "quality" / "raw_flights.yaml").write_text(json.dumps(suite))
    project = loaded("quality.gates.raw={flights: raw_flights.yaml}", root=churn)

    found = column_problems(project, {"flights": ("customer", "tenure"), "other": None})

    assert [problem.message for problem in found] == [
        "source 'flights' has no column 'costumer'. Did you mean customer?",
        "source 'flights' has no column 'tenur'. Did you mean tenure?",
    ]


@pytest.mark.parametrize(
    ("setting", "where", "message"),
    [
        ("quality.gates.raww={flights: raw_flights.yaml}", "quality.gates.raww", "Did you mean raw?"),
        ("quality.gates.prepared.trian=prepared.yaml", "quality.gates.prepared.trian", "Did you mean train?"),
        ("environment.steps.trian.spot=true", "environment.steps.trian", "Did you mean train?"),
    ],
)
def test_what_no_pipeline_has_decides_nothing(setting: str, where: str, message: str) -> None:
    project = loaded(setting)
    pipelines = [load_pipeline(project, name) for name in list_pipelines(ROOT)]

    (problem,) = unused_problems(project, pipelines)

    assert problem.where == where
    assert message in problem.message


@pytest.fixture
def churn(tmp_path: Path) -> Path:
    """The reference project with a source `flights` that is a small file of its own."""
    for folder in ("configs", "pipelines", "steps"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    rows = [f"{month},{'AB'[month % 2]},{month * 10},," for month in range(1, 13)]
    (tmp_path / "flights.csv").write_text("\n".join(["month,carrier,distance,empty,late", *rows]))
    return tmp_path


def value_messages(root: Path, *settings: str) -> dict[str, str]:
    uri = "collection.sources.flights={uri: flights.csv, format: csv}"
    suite = "quality.gates.raw={flights: raw_flights.yaml}"
    only = [f"collection.sources.{name}.uri=flights.csv" for name in ("weather", "planes", "airports", "airlines")]
    formats = [f"collection.sources.{name}.format=csv" for name in ("weather", "planes", "airports", "airlines")]
    project = load_project(root, settings=[uri, suite, *only, *formats, *settings])
    profile = {"flights": profile_sources(project)["flights"]}
    return {problem.where: problem.message for problem in value_problems(project, profile)}


def test_values_that_no_row_has(churn: Path) -> None:
    found = value_messages(churn, "preparation.split.test=[11, 13]")

    assert "no row has 13 in 'month'" in found["preparation.split.test"]


def test_a_number_that_is_text_and_one_without_values(churn: Path) -> None:
    assert (
        "'carrier' is text in its source such as 'B'" in value_messages(churn, "features.numeric=[carrier]")["features.numeric"]
    )
    assert "no value in any row" in value_messages(churn, "features.numeric=[empty]")["features.numeric"]


def test_a_bound_of_another_type_than_its_column(churn: Path) -> None:
    suite = churn / "configs" / "quality" / "raw_flights.yaml"
    suite.write_text(
        "name: s\nexpectations:\n"
        "  - {type: expect_column_values_to_be_between, kwargs: {column: distance, min_value: '2013-01-01'}}\n"
        "  - {type: expect_column_values_to_be_in_set, kwargs: {column: carrier, value_set: [A, 7]}}\n"
        "  - {type: expect_column_proportion_of_non_null_values_to_be_between, kwargs: {column: carrier, min_value: 0.9}}\n"
    )
    project = load_project(churn, settings=["collection.sources.flights={uri: flights.csv, format: csv}"])
    profile = {"flights": profile_sources(project)["flights"]}

    messages = [problem.message for problem in value_problems(project, profile) if "quality" in problem.where]

    assert len(messages) == 2
    assert "compares 'distance', which is BIGINT, with '2013-01-01'" in messages[0]
    assert "compares 'carrier', which is VARCHAR, with 7" in messages[1]


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key of a section and of those below it."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from fields(kind, f"{prefix}{name}.")


def names_read(folders: Sequence[str]) -> set[str]:
    """Attributes that are read, and texts (some are read by their name), outside the room that declares them."""
    found: set[str] = set()
    for folder in folders:
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                found |= _read(node, declares="project" in file.parts)
    return found


def _read(node: Any, *, declares: bool) -> set[str]:
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        return {node.attr}
    return {node.value} if not declares and isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def test_every_key_of_the_configuration_is_read() -> None:
    """Those of `training.xgboost` are handed to XGBoost as a whole: see tests/unit/training."""
    read = names_read(["sagelens", "steps", "pipelines"])

    unread = [key for key in fields(Project) if key.rpartition(".")[2] not in read]
    assert [key for key in unread if not key.startswith("training.xgboost.")] == []
