"""Reading configs/: what is merged, and what each mistake is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sagelens.errors import BadConfig, NotFound
from sagelens.project import find_root, json_schema, load_project

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    (tmp_path / "pipelines").mkdir()
    return tmp_path


def test_the_environment_file_and_set_come_over_the_project_file(root: Path) -> None:
    local = root / "configs" / "environments" / "local.yaml"
    local.write_text(local.read_text() + "training:\n  seed: 7\n  xgboost: {max_depth: 3}\n")

    project = load_project(root, settings=["training.xgboost.max_depth=9", "framing.kpi.target=1.5"])

    assert (project.training.seed, project.training.xgboost.max_depth, project.framing.kpi.target) == (7, 9, 1.5)
    assert project.training.xgboost.learning_rate == 0.1


def test_a_source_may_be_pointed_at_a_local_file(root: Path) -> None:
    project = load_project(
        root, settings=["collection.sources.flights.uri=data/flights.csv", "collection.sources.flights.format=csv"]
    )

    assert project.collection.sources["flights"].uri == "data/flights.csv"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.xgboost.max_dept=3", r"training\.xgboost\.max_dept \(--set .*not a known key; did you mean max_depth\?"),
        ("collection.sources.flights.urii=x", r"collection\.sources\.flights\.urii .*not a known key"),
        ("framing.owner=", r"framing\.owner .* is empty"),
        ("framing.goal=' '", r"framing\.goal .* is empty"),
        ("training.seed=x", r"training\.seed .*valid integer.*given 'x'"),
        ("training.xgboost.max_depth=0", r"greater than or equal to 1"),
        ("preparation.split.test=[3]", r"validation and test overlap in time: 10 is not before 3"),
        ("preparation.split.test=[]", r"a split is empty"),
        ("collection.sources.flights.format=xls", r"Input should be 'csv'"),
        ("nonsense", r"not of the form dotted\.key=value"),
        ("training.seed=[1", r"the value is not YAML"),
    ],
)
def test_each_mistake_says_where_it_is_and_what_is_allowed(root: Path, setting: str, message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        load_project(root, settings=[setting])


def test_all_mistakes_are_told_at_once_with_their_file(root: Path) -> None:
    local = root / "configs" / "environments" / "local.yaml"
    local.write_text(local.read_text() + "training:\n  sed: 7\n")

    with pytest.raises(BadConfig, match=r"wrong in 2 places.*training\.sed \(configs/environments/local\.yaml\).*extra"):
        load_project(root, settings=["evaluation.extra=1"])


def test_a_section_left_out_is_named(root: Path) -> None:
    main = root / "configs" / "flights.yaml"
    main.write_text(main.read_text().replace("  owner: operations-control@example.com\n  kpi", "  kpi"))

    with pytest.raises(BadConfig, match=r"framing\.owner \(configs/flights\.yaml\) is missing"):
        load_project(root)


def test_an_unknown_environment_names_the_known_ones(root: Path) -> None:
    with pytest.raises(NotFound, match=r"'moon' is not known.*Known: dev, local, production, staging"):
        load_project(root, environment="moon")


def test_a_file_that_is_not_yaml_is_named_with_its_line(root: Path) -> None:
    (root / "configs" / "flights.yaml").write_text("name: [\n")

    with pytest.raises(BadConfig, match=r"flights\.yaml is not YAML.*line 2"):
        load_project(root)


def test_two_project_files_are_one_too_many(root: Path) -> None:
    (root / "configs" / "other.yaml").write_text("name: other\n")

    with pytest.raises(BadConfig, match=r"2 project files \(flights\.yaml, other\.yaml\)"):
        load_project(root)


def test_the_root_is_found_from_below(root: Path) -> None:
    below = root / "configs" / "quality"

    assert find_root(below) == root
    with pytest.raises(NotFound, match="No sagelens project"):
        find_root(Path("/"))


def test_the_published_schema_is_the_current_one() -> None:
    published = json.loads((ROOT / "configs" / "schema.json").read_text())

    assert published == json_schema(), "write it anew: sagelens validate --schema > configs/schema.json"


def test_the_schema_knows_every_section_and_forbids_others() -> None:
    schema = json_schema()

    assert {"framing", "collection", "training", "deployment"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    assert "root" not in schema["properties"]


def test_a_setting_is_given_once(root: Path) -> None:
    with pytest.raises(BadConfig, match=r"--set training\.seed is given twice"):
        load_project(root, settings=["training.seed=1", "training.seed=2"])


def test_a_section_that_stands_twice_is_refused_with_both_lines(root: Path) -> None:
    file = root / "configs" / "flights.yaml"
    lines = file.read_text().splitlines()
    first = lines.index("training:") + 1
    file.write_text("\n".join([*lines, "training:", "  seed: 1"]))

    with pytest.raises(BadConfig, match=rf"line {len(lines) + 1}, column 1: key 'training' stands here and in line {first}"):
        load_project(root)
