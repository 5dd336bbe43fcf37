"""What a configuration says of its data, held against the data: `sagelens validate --data`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sagelens.pipeline.names import Problem
from sagelens.project import Project
from sagelens.values import LocalSource, Source
from sagelens.values.suggestion import suggestion

__all__ = ["ColumnFacts", "SourceProfile", "profile_sources", "value_problems"]

_LISTED = 200  # values of a column that are compared with what the configuration names; more are no codes
_COMPARING = frozenset(
    {
        "expect_column_distinct_values_to_be_in_set",
        "expect_column_distinct_values_to_contain_set",
        "expect_column_distinct_values_to_equal_set",
        "expect_column_max_to_be_between",
        "expect_column_min_to_be_between",
        "expect_column_most_common_value_to_be_in_set",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_not_be_in_set",
    }
)
"""Great Expectations' expectations whose arguments are values of the column; those of others are counts, shares, lengths."""
_SLICES = 1_000  # values of a column of which each is to be a slice


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """`type` is DuckDB's. `values` are as text, sorted; None where there are more than are worth a list."""

    type: str
    missing: int
    distinct: int
    values: tuple[str, ...] | None

    @property
    def text(self) -> bool:
        return self.type == "VARCHAR"


@dataclass(frozen=True, kw_only=True)
class SourceProfile:
    rows: int
    columns: Mapping[str, ColumnFacts]


def profile_sources(project: Project, s3: Any = None) -> dict[str, SourceProfile]:
    """Every source, read as the collection step reads it. `s3` is a boto3 client, for sources that lie there.

    Raises BadData for a source that cannot be read.
    """
    with TemporaryDirectory(prefix="sagelens-validate-") as folder:
        return {
            name: _profile(name, source, project, s3, Path(folder, name)) for name, source in project.collection.sources.items()
        }


def _profile(name: str, source: Source, project: Project, s3: Any, folder: Path) -> SourceProfile:
    from sagelens.data import listing, read_source, resolve

    files = listing(resolve(source, project.root, s3=s3, downloads=folder / "downloads"))
    place = folder / "files"
    for below, file in files.items():
        link = place / below
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.resolve())
    table = read_source(LocalSource(name=name, source=source, path=place, digest=""))
    return _facts(table)


def _facts(table: Any) -> SourceProfile:
    backend = table.get_backend()
    types = {row[0]: row[1] for row in backend.raw_sql(f'DESCRIBE "{table.get_name()}"').fetchall()}
    counts = ", ".join(f"count({_quoted(name)}), approx_count_distinct({_quoted(name)})" for name in types)
    sql = f'SELECT count(*), {counts} FROM "{table.get_name()}"'  # noqa: S608 - names are quoted
    rows, *counted = backend.raw_sql(sql).fetchall()[0]
    columns = {
        name: _column(table, name, type_, rows - counted[2 * number], counted[2 * number + 1])
        for number, (name, type_) in enumerate(types.items())
    }
    return SourceProfile(rows=rows, columns=columns)


def _column(table: Any, name: str, type_: str, missing: int, distinct: int) -> ColumnFacts:
    values = None
    if distinct <= _LISTED:
        sql = f'SELECT DISTINCT {_quoted(name)}::VARCHAR FROM "{table.get_name()}" WHERE {_quoted(name)} IS NOT NULL'  # noqa: S608 - names are quoted
        values = tuple(sorted(row[0] for row in table.get_backend().raw_sql(sql).fetchall()))
    return ColumnFacts(type=type_, missing=missing, distinct=len(values) if values is not None else distinct, values=values)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def value_problems(project: Project, profile: Mapping[str, SourceProfile]) -> list[Problem]:
    """Values that the configuration expects and no row has, and columns that are not what it takes them for."""
    return [
        *_split(project, profile),
        *_label(project, profile),
        *_numeric(project, profile),
        *_slices(project, profile),
        *_suites(project, profile),
    ]


def _facts_of(name: str, profile: Mapping[str, SourceProfile]) -> ColumnFacts | None:
    """Of the one source that has the column; several may say different things, and the project's code decides among them."""
    found = [source.columns[name] for source in profile.values() if name in source.columns]
    return found[0] if len(found) == 1 else None


def _split(project: Project, profile: Mapping[str, SourceProfile]) -> Iterator[Problem]:
    split = project.preparation.split
    holders = [source.columns[split.column] for source in profile.values() if split.column in source.columns]
    if not holders or any(facts.values is None for facts in holders):
        return
    values = {value for facts in holders for value in facts.values or ()}
    for part in ("train", "validation", "test"):
        absent = [value for value in getattr(split, part) if str(value) not in values]
        if absent:
            shown = ", ".join(map(str, absent))
            said = suggestion(str(absent[0]), values)
            yield Problem(f"preparation.split.{part}", f"no row has {shown} in '{split.column}'. {said}")


def _label(project: Project, profile: Mapping[str, SourceProfile]) -> Iterator[Problem]:
    facts = _facts_of(project.framing.label, profile)
    if facts is not None and facts.distinct < 2:
        shown = ", ".join(facts.values or ()) or "no value"
        yield Problem("framing.label", f"'{project.framing.label}' has {shown} in every row; there is nothing to tell apart.")


def _numeric(project: Project, profile: Mapping[str, SourceProfile]) -> Iterator[Problem]:
    for name in project.features.numeric:
        facts = _facts_of(name, profile)
        if facts is None:
            continue
        if facts.missing and not facts.distinct:
            yield Problem("features.numeric", f"'{name}' has no value in any row. Take it out, or collect it.")
        elif facts.text:
            shown = f" such as '{facts.values[-1]}'" if facts.values else ""
            yield Problem(
                "features.numeric",
                f"'{name}' is text in its source{shown}. Declare a type in the source's `columns`, correct the data, or list it "
                "under features.categorical.",
            )


def _slices(project: Project, profile: Mapping[str, SourceProfile]) -> Iterator[Problem]:
    for name in project.evaluation.slices:
        facts = _facts_of(name, profile)
        if facts is not None and facts.distinct > _SLICES:
            yield Problem("evaluation.slices", f"'{name}' has some {facts.distinct} values, each of which would be a slice.")


def _suites(project: Project, profile: Mapping[str, SourceProfile]) -> Iterator[Problem]:
    """Bounds and sets of suites on sources, against the types of the columns."""
    from sagelens.project import read_suite
    from sagelens.quality.suite import parse_suite

    for gate, tables in project.quality.gates.items():
        for table, file in tables.items():
            if table not in profile:
                continue
            for expectation in parse_suite(read_suite(project.root, file)).expectations:
                facts = profile[table].columns.get(str(expectation.kwargs.get("column")))
                compared = facts is not None and expectation.type in _COMPARING
                wrong = _unlike(facts, expectation.kwargs) if facts is not None and compared else None
                if facts is not None and wrong is not None:
                    yield Problem(
                        f"configs/quality/{file} (gate {gate})",
                        f"{expectation.type} compares '{expectation.kwargs['column']}', which is {facts.type}, with {wrong!r}. "
                        "Write a value of the column's type.",
                    )


def _unlike(facts: ColumnFacts, kwargs: Mapping[str, Any]) -> Any:
    """The first value that the gate could not compare with the column's; None where it can compare all."""
    from sagelens.quality.columns import column_of
    from sagelens.quality.literals import Parameters, Undecidable, compare

    column = column_of(str(kwargs["column"]), facts.type)
    asked = [(">=", kwargs[key]) for key in ("min_value", "max_value") if kwargs.get(key) is not None]
    asked += [("=", value) for value in kwargs.get("value_set") or ()]
    for operator, value in asked:
        try:
            compare(column.value, operator, value, column, Parameters())
        except Undecidable:
            return value
    return None
