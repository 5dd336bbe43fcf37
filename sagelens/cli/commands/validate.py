"""`validate`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sagelens.errors import BadConfig, SagelensError
from sagelens.pipeline.compose import list_pipelines, load_pipeline
from sagelens.project import Project, find_root, json_schema, lint, load_project

__all__ = ["validate_project"]


def validate_project(*, environment: str, settings: Sequence[str], schema: bool, as_json: bool) -> int:
    """Check the config, every suite, every source and every pipeline; all problems are shown, not only the first."""
    if schema:
        sys.stdout.write(json.dumps(json_schema(), indent=1) + "\n")
        return 0
    project = load_project(find_root(Path.cwd()), environment=environment, settings=settings)
    checks = [
        *((f"suite {file}", _suite_check(project, file)) for file in _suite_files(project)),
        ("sources", lambda: _check_sources(project)),
        *((f"pipeline {name}", _pipeline_check(project, name)) for name in list_pipelines(project.root)),
    ]
    problems = [{"what": what, "message": message} for what, check in checks if (message := _problem(check)) is not None]
    if not problems and (message := _problem(lambda: _check_step_names(project))) is not None:
        problems = [{"what": f"environment {project.environment.name}", "message": message}]
    warnings = lint(project.environment)
    if as_json:
        sys.stdout.write(json.dumps({"valid": not problems, "problems": problems, "warnings": warnings}) + "\n")
    else:
        for warning in warnings:
            sys.stderr.write(f"sagelens: warning: {warning}\n")
        for problem in problems:
            sys.stderr.write(f"sagelens: {problem['what']}: {problem['message']}\n")
        if not problems:
            sys.stdout.write(f"{project.name}: {len(checks)} checks, no problem.\n")
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


def _check_step_names(project: Project) -> None:
    """Settings for a step that no pipeline has would be settings for nothing."""
    known = {node.name for name in list_pipelines(project.root) for node in load_pipeline(project, name).nodes}
    unknown = sorted(set(project.environment.steps) - known)
    if unknown:
        raise BadConfig(
            f"environment.steps names {', '.join(unknown)}, which no pipeline has. Steps are: {', '.join(sorted(known))}."
        )


def _pipeline_check(project: Project, name: str) -> Callable[[], object]:
    return lambda: load_pipeline(project, name)
