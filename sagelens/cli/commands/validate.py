"""`validate`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sagelens.cli.screen import complain, say
from sagelens.errors import BadConfig, SagelensError
from sagelens.pipeline.compose import list_pipelines, load_pipeline
from sagelens.pipeline.names import Problem, column_problems, name_problems, unused_problems
from sagelens.pipeline.pipeline import Pipeline
from sagelens.pipeline.profiled import SourceProfile, profile_sources, value_problems
from sagelens.project import Project, find_root, json_schema, lint, load_project

__all__ = ["validate_project"]


def validate_project(*, environment: str, settings: Sequence[str], schema: bool, as_json: bool, data: bool = False) -> int:
    """Check the config, every suite, every source and every pipeline; all problems are shown, not only the first.

    With `data` the sources are read as a run reads them, and what the configuration says of their values is checked, too.
    """
    if schema:
        sys.stdout.write(json.dumps(json_schema(), indent=1) + "\n")
        return 0
    project = load_project(find_root(Path.cwd()), environment=environment, settings=settings)
    pipelines: dict[str, Pipeline] = {}
    checks: list[tuple[str, Callable[[], object]]] = [
        *((f"suite {file}", _suite_check(project, file)) for file in _suite_files(project)),
        ("sources", lambda: _check_sources(project)),
        *((f"pipeline {name}", _pipeline_check(project, name, pipelines)) for name in list_pipelines(project.root)),
    ]
    problems = [{"what": what, "message": message} for what, check in checks if (message := _problem(check)) is not None]
    if not problems:
        profile = profile_sources(project) if data else None
        found = [*name_problems(project), *unused_problems(project, pipelines.values()), *_columns(project, profile)]
        found += value_problems(project, profile) if profile is not None else []
        problems = [{"what": problem.where, "message": problem.message} for problem in dict.fromkeys(found)]
        checks += [("names", lambda: None)] + ([("data", lambda: None)] if data else [])
    warnings = lint(project.environment)
    if as_json:
        sys.stdout.write(json.dumps({"valid": not problems, "problems": problems, "warnings": warnings}) + "\n")
    else:
        for warning in warnings:
            complain(warning, head="sagelens: warning: ")
        for problem in problems:
            complain(f"{problem['what']}: {problem['message']}")
        if not problems:
            say(f"{project.name}: {len(checks)} checks, no problem.")
    return BadConfig.exit_code if problems else 0


def _problem(check: Callable[[], object]) -> str | None:
    try:
        check()
    except SagelensError as error:
        return error.message
    return None


def _suite_files(project: Project) -> list[str]:
    return sorted({file for tables in project.quality.gates.values() for file in tables.values()})


def _suite_check(project: Project, file: str) -> Callable[[], object]:
    def check() -> None:
        from sagelens.project import read_suite
        from sagelens.quality import validate_suite

        validate_suite(read_suite(project.root, file))

    return check


def _check_sources(project: Project) -> None:
    from sagelens.data import resolve

    for source in project.collection.sources.values():
        if not source.uri.startswith("s3://"):
            resolve(source, project.root)


def _columns(project: Project, profile: Mapping[str, SourceProfile] | None) -> list[Problem]:
    """Columns that exist nowhere: of sources as profiled, or else as the heads of their files tell."""
    if profile is not None:
        return column_problems(project, {name: tuple(found.columns) for name, found in profile.items()})
    from sagelens.data import columns_of, resolve

    known: dict[str, tuple[str, ...] | None] = {}
    for name, source in project.collection.sources.items():
        remote = source.uri.startswith("s3://")
        known[name] = None if remote else columns_of(source, resolve(source, project.root))
    return column_problems(project, known)


def _pipeline_check(project: Project, name: str, loaded: dict[str, Pipeline]) -> Callable[[], object]:
    def check() -> None:
        loaded[name] = load_pipeline(project, name)

    return check
