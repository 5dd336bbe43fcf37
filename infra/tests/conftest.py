"""The app, synthesised once for all tests, with the templates as CloudFormation would get them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.app import build
from infra.permissions.place import Place
from infra.settings import load

Resource = dict[str, Any]


@dataclass(frozen=True)
class Templates:
    """The three stacks of one environment."""

    place: Place
    stacks: Mapping[str, dict[str, Any]]

    def all(self, kind: str) -> list[Resource]:
        return [resource for _, resource in self.named(kind)]

    def named(self, kind: str) -> Iterator[tuple[str, Resource]]:
        for stack in self.stacks.values():
            for name, resource in stack["Resources"].items():
                if resource["Type"] == kind:
                    yield name, resource

    def properties(self, kind: str) -> list[dict[str, Any]]:
        return [resource["Properties"] for resource in self.all(kind)]

    def one(self, kind: str, **wanted: Any) -> dict[str, Any]:
        found = [p for p in self.properties(kind) if all(p.get(key) == value for key, value in wanted.items())]
        assert len(found) == 1, f"{len(found)} {kind} with {wanted}"
        return found[0]


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cdk")
    build(load(), folder).synth()
    return folder


@pytest.fixture(scope="session", params=["dev", "staging", "production"])
def templates(request: pytest.FixtureRequest, assembly: Path) -> Templates:
    settings = load()
    environment = next(e for e in settings.environments if e.name == request.param)
    prefix = f"sagelens-{settings.project}-{environment.name}-"
    stacks = {
        path.name.removeprefix(prefix).removesuffix(".template.json"): json.loads(path.read_text())
        for path in assembly.glob(f"{prefix}*.template.json")
    }
    return Templates(Place(settings, environment), stacks)


@pytest.fixture(scope="session")
def findings(assembly: Path) -> list[dict[str, str]]:
    """Every row of every report of the nag packs."""
    return [row for report in sorted(assembly.glob("*NagReport.csv")) for row in csv.DictReader(report.read_text().splitlines())]
