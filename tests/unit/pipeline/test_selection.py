"""--from, --to and --only."""

from __future__ import annotations

from typing import Any

import pytest

from sagelens.errors import BadInput
from sagelens.pipeline.selection import dependencies, select

DEFINITION: dict[str, Any] = {
    "Steps": [
        {"Name": "collect", "Arguments": {}},
        {"Name": "prepare", "Arguments": {"Input": {"Get": "Steps.collect.Outputs['x'].S3Uri"}}},
        {"Name": "aside", "Arguments": {}, "DependsOn": ["collect"]},
        {
            "Name": "passed",
            "Arguments": {
                "Conditions": [{"LeftValue": {"Get": "Steps.prepare.PropertyFiles.v"}}],
                "IfSteps": [{"Name": "train", "Arguments": {"Input": {"Get": "Steps.prepare.Outputs['y'].S3Uri"}}}],
                "ElseSteps": [{"Name": "stopped", "Arguments": {}}],
            },
        },
    ]
}


def test_dependencies_come_from_references_dependson_and_branches() -> None:
    assert dependencies(DEFINITION) == {
        "collect": set(),
        "prepare": {"collect"},
        "aside": {"collect"},
        "passed": {"prepare"},
        "train": {"prepare", "passed"},
        "stopped": {"passed"},
    }


@pytest.mark.parametrize(
    ("first", "last", "only", "expected"),
    [
        ("prepare", None, None, ["prepare", "passed", "train", "stopped"]),
        (None, "prepare", None, ["collect", "prepare"]),
        ("prepare", "train", None, ["prepare", "passed", "train"]),
        (None, None, "aside", ["aside"]),
        (None, None, None, ["collect", "prepare", "aside", "passed", "train", "stopped"]),
    ],
)
def test_selection(first: str | None, last: str | None, only: str | None, expected: list[str]) -> None:
    assert select(DEFINITION, first=first, last=last, only=only) == expected


def test_an_unknown_step_and_an_empty_path_are_refused() -> None:
    with pytest.raises(BadInput, match=r"no step 'trian'. Did you mean train"):
        select(DEFINITION, first="trian", last=None, only=None)
    with pytest.raises(BadInput, match=r"No step lies between 'aside' and 'train'"):
        select(DEFINITION, first="aside", last="train", only=None)
