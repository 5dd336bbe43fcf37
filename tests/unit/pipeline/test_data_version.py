"""Sources in S3: a definition holds none of their content; a run is given it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from sagelens.errors import BadConfig
from sagelens.pipeline import Pipeline, Step
from sagelens.pipeline.compile import compile_plan
from sagelens.pipeline.compose import compose
from sagelens.pipeline.data_version import data_version, declares, sources_in, variable_of
from sagelens.pipeline.plan import Plan, SourceFiles, plan
from sagelens.project import Project
from sagelens.project.code import CodeReader
from tests.unit.pipeline.toys import LIBRARY, MEMORY, by_name, function

URI = "s3://arrivals/raw"
ONE = ("raw/a.csv", 10, '"0123"')


def planned(toy: Path, project: Project, *, digest: str = "d" * 64, name: str = "raw") -> Plan:
    source = dataclasses.replace(project.collection.sources["airlines"], uri=URI)
    pipeline = Pipeline("toy", Step(function("collection", "gather"), gives=(name,), sources={name: source}))
    reader = CodeReader({"toy": toy, "sagelens": LIBRARY}, MEMORY[0])
    return plan(pipeline, project, code=reader, sources={name: SourceFiles(source, digest, uri=URI)})


def compiled(toy: Path, project: Project, **how: Any) -> dict[str, Any]:
    text = compile_plan(planned(toy, project, **how), project=project.name, environment=project.environment)
    made: dict[str, Any] = json.loads(text)
    return made


def test_a_definition_is_the_same_whatever_lies_in_s3(toy: Path, project: Project) -> None:
    assert planned(toy, project, digest="a" * 64) == planned(toy, project, digest="b" * 64)


def test_the_version_is_a_parameter_without_a_default_so_that_no_run_takes_yesterdays(toy: Path, project: Project) -> None:
    assert compiled(toy, project)["Parameters"] == [{"Name": "DataVersion-raw", "Type": "String"}]


def test_the_version_decides_whether_the_step_is_reused_and_where_its_table_lands(toy: Path, project: Project) -> None:
    arguments = by_name(compiled(toy, project))["gather"]["Arguments"]
    outputs = {item["OutputName"]: item["S3Output"]["S3Uri"] for item in arguments["ProcessingOutputConfig"]["Outputs"]}
    version = {"Get": "Parameters.DataVersion-raw"}

    assert arguments["Environment"]["SAGELENS_DATA_VERSION_raw"] == version
    (first, second) = outputs["raw"]["Std:Join"]["Values"]
    assert first.startswith(f"s3://{project.environment.bucket}/raw/raw/")
    assert second == version


def test_the_job_is_told_where_it_finds_the_version(toy: Path, project: Project) -> None:
    (text,) = (upload.text for upload in planned(toy, project).uploads if upload.uri.endswith("/step.json"))

    (declared,) = json.loads(text or "")["sources"].values()
    assert declared["version"] == variable_of("raw")
    assert "digest" not in declared


def test_a_source_whose_name_no_parameter_can_have_is_refused(toy: Path, project: Project) -> None:
    with pytest.raises(BadConfig, match=r"collection.sources.raw rows lies in S3.*DataVersion-raw rows"):
        planned(toy, project, name="raw rows")


def test_variables_of_two_sources_are_never_the_same() -> None:
    names = ["a", "A", "a-b", "a_b", "a_2Db", "a_5Fb"]

    assert len({variable_of(name) for name in names}) == len(names)


def test_a_version_changes_with_key_size_and_etag_and_with_nothing_else() -> None:
    other = ("raw/b.csv", 10, "4567")
    version = data_version([ONE, other])

    assert version == data_version([other, ("raw/a.csv", 10, "0123")])
    changed = [("raw/c.csv", 10, "0123"), ("raw/a.csv", 11, "0123"), ("raw/a.csv", 10, "0124")]
    assert len({version, data_version([ONE]), *(data_version([each, other]) for each in changed)}) == 5


def test_keys_that_hold_what_separates_them_make_versions_of_their_own() -> None:
    assert data_version([("a", 1, "x"), ("b", 1, "y")]) != data_version([('a", 1, "x"], ["b', 1, "y")])


def test_nothing_has_no_version() -> None:
    with pytest.raises(LookupError, match="no object below that prefix"):
        data_version([])


def test_a_definition_tells_which_sources_have_to_be_listed(toy: Path, project: Project) -> None:
    text = json.dumps(compiled(toy, project))

    assert sources_in(text) == {"DataVersion-raw": URI}
    assert declares(text) == {"DataVersion-raw"}


def test_composing_gives_the_versions_that_a_run_starts_with(project: Project, tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    for folder in ("pipelines", "steps", "configs"):
        (root / folder).symlink_to(LIBRARY / folder)
    flights = dataclasses.replace(project.collection.sources["flights"], uri=URI)
    collection = project.collection.model_copy(update={"sources": {**project.collection.sources, "flights": flights}})
    changed = project.model_copy(update={"root": root, "collection": collection})

    def found(digest: str) -> Any:
        def sources(given: Project) -> dict[str, SourceFiles]:
            return {
                name: SourceFiles(source, digest if source.uri == URI else "d" * 64, uri=URI if source.uri == URI else "")
                for name, source in given.collection.sources.items()
            }

        return compose(changed, "scoring", sources=sources)

    first, second = found("a" * 64), found("b" * 64)
    assert first.versions == {"DataVersion-flights": "a" * 64}
    assert second.versions == {"DataVersion-flights": "b" * 64}
    assert first.definition == second.definition
