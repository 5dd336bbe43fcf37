"""Whether the names in `configs/` mean something: columns, figures, settings of the model, gates, tables, sources, steps.

A column exists when a source has it, or when the project's own code names it: derived columns are made there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sagelens.errors import BadConfig
from sagelens.evaluation import names as evaluation_names
from sagelens.features.naming import code_name
from sagelens.pipeline.pipeline import Gate, Pipeline
from sagelens.project import Project
from sagelens.training import names as training_names
from sagelens.values.suggestion import suggestion

__all__ = ["Problem", "check_names", "column_problems", "name_problems", "unused_problems"]

_COLUMN_KEYS = ("column", "column_A", "column_B")  # Great Expectations' names for a column's name
_COLUMN_LISTS = ("column_list", "column_set")


@dataclass(frozen=True)
class Problem:
    """`where` is a key of the configuration, or a suite's file."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def check_names(project: Project) -> None:
    """Refuse a project that names what does not exist, as far as that can be told without its data. Raises BadConfig."""
    problems = name_problems(project)
    if problems:
        raise BadConfig(f"The configuration names what does not exist or cannot be: {' '.join(str(p) for p in problems)}")


def name_problems(project: Project) -> list[Problem]:
    """Figures, thresholds, settings of the model, and features that contradict one another."""
    found = [
        *evaluation_names.problems_of(project),
        *training_names.problems_of(project.training.xgboost),
        *_features(project),
    ]
    return [Problem(where, message) for where, message in found]


def _features(project: Project) -> Iterator[tuple[str, str]]:
    categorical, numeric = project.features.categorical, project.features.numeric
    if not (categorical or numeric):
        yield "features", "none is declared. Name at least one under categorical or numeric."
    for kind, names in (("categorical", categorical), ("numeric", numeric)):
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            yield f"features.{kind}", f"{', '.join(doubled)} stands there more than once."
        for name in training_names.unusable_names(names):
            yield (
                f"features.{kind}",
                f"'{name}' cannot be a feature's name: XGBoost takes no [, ] or <. Rename it in preparation.",
            )
        for name in names:
            if name == project.framing.label:
                yield f"features.{kind}", f"'{name}' is the label. Take it out."
            if name in project.preparation.leaks:
                yield f"features.{kind}", f"'{name}' is among preparation.leaks, which are not known in time. Take it out of one."
    for name in sorted({code_name(name) for name in categorical} & {*numeric}):
        yield (
            "features.numeric",
            f"'{name}' is also what the codes of a categorical column are called. Rename one in preparation.",
        )
    both = sorted({*categorical} & {*numeric})
    if both:
        yield "features", f"{', '.join(both)} stands under categorical and under numeric; keep it under one of them."


def unused_problems(project: Project, pipelines: Iterable[Pipeline]) -> list[Problem]:
    """Gates, tables of gates, sources and settings of steps that no pipeline has: they would decide nothing."""
    pipelines = list(pipelines)
    nodes = [node for pipeline in pipelines for node in pipeline.nodes]
    looked_at: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, Gate) and "gate" in node.step.params:
            looked_at.setdefault(str(node.step.params["gate"]), set()).update(node.on)
    taken = {name for pipeline in pipelines for step in pipeline.steps() for name in step.sources}
    return [
        *_unused_gates(project.quality.gates, looked_at),
        *_unknown("collection.sources", project.collection.sources, taken, "which no pipeline collects"),
        *_unknown("environment.steps", project.environment.steps, {node.name for node in nodes}, "which no pipeline has"),
    ]


def _unused_gates(gates: Mapping[str, Mapping[str, str]], looked_at: Mapping[str, set[str]]) -> Iterator[Problem]:
    yield from _unknown("quality.gates", gates, looked_at, "which no pipeline has")
    for gate in gates.keys() & looked_at.keys():
        yield from _unknown(f"quality.gates.{gate}", gates[gate], looked_at[gate], "which the gate does not look at")


def _unknown(key: str, names: Iterable[str], known: Iterable[str], why: str) -> Iterator[Problem]:
    known = set(known)
    for name in names:
        if name not in known:
            yield Problem(f"{key}.{name}", f"'{name}' is a name {why}. {suggestion(name, known)}")


def column_problems(project: Project, columns: Mapping[str, Sequence[str] | None]) -> list[Problem]:
    """Columns that are named and exist nowhere. `columns`: those of each source; None where they are not known.

    What a source holds decides alone for the suites of a gate on the source itself. Elsewhere nothing is said as long as any
    source is unknown.
    """
    found = list(_suite_columns(project, columns))
    if all(known is not None for known in columns.values()):
        held = {name for names in columns.values() for name in names or ()} | {project.framing.label}
        made = _words(project.root) | {code_name(name) for name in project.features.categorical}
        for key, names in _named(project).items():
            found += _unknown_columns(key, names, held, made)
        for gate, table, file in _suites(project):
            if table not in columns:
                found += _unknown_columns(f"configs/quality/{file} (gate {gate})", _columns_of(project, file), held, made)
    return list(dict.fromkeys(found))


def _named(project: Project) -> dict[str, tuple[str, ...]]:
    return {
        "features.categorical": project.features.categorical,
        "features.numeric": project.features.numeric,
        "preparation.leaks": project.preparation.leaks,
        "preparation.split.column": (project.preparation.split.column,),
        "evaluation.slices": project.evaluation.slices,
    }


def _unknown_columns(key: str, names: Iterable[str], held: set[str], made: set[str]) -> Iterator[Problem]:
    """`held` by sources, or else `made` by code, whose many words are no suggestions."""
    for name in dict.fromkeys(names):
        if name not in held and name not in made:
            yield Problem(key, f"no source has a column '{name}', and the project's code makes none. {suggestion(name, held)}")


def _suite_columns(project: Project, columns: Mapping[str, Sequence[str] | None]) -> Iterator[Problem]:
    for gate, table, file in _suites(project):
        known = columns.get(table)
        if known is None:
            continue
        for name in dict.fromkeys(_columns_of(project, file)):
            if name not in known:
                said = suggestion(name, known)
                yield Problem(f"configs/quality/{file} (gate {gate})", f"source '{table}' has no column '{name}'. {said}")


def _suites(project: Project) -> Iterator[tuple[str, str, str]]:
    for gate, tables in project.quality.gates.items():
        for table, file in tables.items():
            yield gate, table, file


def _columns_of(project: Project, file: str) -> list[str]:
    """The columns that a suite names; one that is not well formed is for `validate_suite` to refuse."""
    from sagelens.project import read_suite

    suite = read_suite(project.root, file)
    listed, meta = suite.get("expectations"), suite.get("meta")
    expectations: list[Any] = listed if isinstance(listed, list) else []
    key = meta.get("key") if isinstance(meta, dict) else None
    named: list[str] = [name for name in key if isinstance(name, str)] if isinstance(key, list) else []
    for expectation in expectations:
        kwargs = expectation.get("kwargs") if isinstance(expectation, dict) else None
        if isinstance(kwargs, dict):
            named += [kwargs[key] for key in _COLUMN_KEYS if isinstance(kwargs.get(key), str)]
            named += [name for key in _COLUMN_LISTS for name in kwargs.get(key) or () if isinstance(name, str)]
            named += _limiting(kwargs.get("row_condition"))
    return named


def _limiting(condition: Any) -> tuple[str, ...]:
    """The columns of a row condition; of one that cannot be read, none."""
    from sagelens.quality.conditions import columns_of, read_condition

    try:
        return columns_of(read_condition(condition)) if isinstance(condition, str) else ()
    except ValueError:
        return ()


@cache
def _words(root: Path) -> set[str]:
    """Every name and text in the project's own modules: whatever makes a column has its name among them."""
    words: set[str] = set()
    for folder in ("steps", "pipelines"):
        for file in sorted((root / folder).rglob("*.py")):
            words |= _words_of(file)
    return words


def _words_of(file: Path) -> set[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):  # importing the module says what is wrong with it
        return set()
    words: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)):
                words.add(text)
            case ast.keyword(arg=str(name)) | ast.Attribute(attr=name) | ast.Name(id=name) | ast.arg(arg=name):
                words.add(name)
    return words
