"""A small pipeline of the package `toy`, planned and compiled."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sagelens.pipeline import Job, ModelGate, Parameter, Pipeline, QualityGate, Step
from sagelens.pipeline.compile import compile_plan
from sagelens.pipeline.plan import Plan, SourceFiles, plan
from sagelens.project import Project
from sagelens.project.code import CodeReader

__all__ = ["MEMORY", "by_name", "compiled", "function", "planned", "steps_of", "toy_pipeline"]

LIBRARY = Path(__file__).resolve().parents[3]
MEMORY: list[Path] = []
"""Where parsed imports of the library are kept; set by a fixture of conftest.py."""


def function(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"toy.{module}"), name)


def toy_pipeline(project: Project) -> Pipeline:
    source = {"raw": project.collection.sources["airlines"]}
    return Pipeline(
        "toy",
        Step(function("collection", "gather"), gives=("raw",), sources=source),
        QualityGate("raw", on="raw", suites={"raw": {"name": "raw", "expectations": []}}),
        Step(function("preparation", "tidy"), gives=("tidied",), params={"factor": 2}),
        Step(
            function("training", "fit"),
            job=Job.TRAINING,
            gives=("model",),
            params={"depth": 4, "target": Parameter("Target")},
        ),
        ModelGate(Step(function("evaluation", "judge"), gives=("verdict",), cache=False), verdict="verdict", on="model"),
        parameters=(Parameter("Target", "late"),),
    )


def planned(toy: Path, project: Project, pipeline: Pipeline | None = None) -> Plan:
    reader = CodeReader({"toy": toy, "sagelens": LIBRARY}, MEMORY[0])
    sources = {"raw": SourceFiles(project.collection.sources["airlines"], "d" * 64, {"a.csv": toy / "a.csv"})}
    made = plan(pipeline or toy_pipeline(project), project, code=reader, sources=sources)
    reader.save()
    return made


def compiled(toy: Path, project: Project, **options: Any) -> dict[str, Any]:
    text = compile_plan(planned(toy, project), project=project.name, environment=project.environment, **options)
    definition: dict[str, Any] = json.loads(text)
    return definition


def steps_of(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        for branch in ("IfSteps", "ElseSteps"):
            yield from steps_of(step.get("Arguments", {}).get(branch, []))


def by_name(definition: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["Name"]: step for step in steps_of(definition["Steps"])}
