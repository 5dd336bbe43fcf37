"""A suite in Great Expectations' own format, read into values. Great Expectations itself is not imported here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from sagelens.errors import BadConfig
from sagelens.quality.arguments import accepts, argument_problem, reason_against
from sagelens.quality.conditions import columns_of, read_condition
from sagelens.values import Severity
from sagelens.values.suggestion import closest

__all__ = ["Expectation", "Suite", "known_types", "parse_suite", "validate_suite"]

_SUITE_KEYS = frozenset({"name", "expectations", "meta", "notes", "suite_parameters", "id"})
_EXPECTATION_KEYS = frozenset({"type", "kwargs", "severity", "meta", "notes", "description", "id", "rendered_content"})
_SCHEMA_TYPES = re.compile(r"expect_column_to_exist|expect_table_columns?_(to_match|count).*")


@dataclass(frozen=True, kw_only=True)
class Expectation:
    type: str
    kwargs: Mapping[str, Any]
    severity: Severity = Severity.CRITICAL
    meta: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None

    @property
    def of_schema(self) -> bool:
        """Whether it looks at the names of the columns only, never at rows."""
        return _SCHEMA_TYPES.fullmatch(self.type) is not None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose values it compares; none for one that looks at the table as a whole."""
        if self.of_schema:
            return ()
        named = [self.kwargs[key] for key in ("column", "column_A", "column_B") if key in self.kwargs]
        return tuple(dict.fromkeys([*named, *self.kwargs.get("column_list", ())]))

    @property
    def condition(self) -> str:
        """The rows it is limited to, as written; empty for all."""
        return str(self.kwargs.get("row_condition") or "")

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns without which it cannot be decided: those it compares, and those of its condition."""
        limiting = columns_of(read_condition(self.condition)) if self.condition else ()
        return tuple(dict.fromkeys([*self.columns, *limiting]))


@dataclass(frozen=True, kw_only=True)
class Suite:
    """`key` names the columns that identify a row; they are shown with sample rows (`meta.key` in the file)."""

    name: str
    expectations: tuple[Expectation, ...]
    key: tuple[str, ...] = ()


def validate_suite(suite: Mapping[str, Any]) -> None:
    """Raise BadConfig unless the suite is well formed and every expectation in it exists."""
    parse_suite(suite)


def parse_suite(suite: Mapping[str, Any]) -> Suite:
    """The suite as a value. Raises BadConfig."""
    name = suite.get("name")
    if not isinstance(name, str) or not name:
        _refuse("?", "has no name", "Give it one: `name: raw_flights`")
    _known_keys(name, "The suite", suite, _SUITE_KEYS)
    listed = suite.get("expectations")
    if not isinstance(listed, list) or not listed:
        _refuse(name, "lists no expectations", "Write `expectations:` with at least one item of `type` and `kwargs`")
    meta = suite.get("meta") or {}
    if not isinstance(meta, Mapping):
        _refuse(name, "has a `meta` that is not a mapping", "Write keys and values below it")
    expectations = tuple(_expectation(name, number, item) for number, item in enumerate(listed, 1))
    key = meta.get("key") or ()
    if not isinstance(key, list | tuple) or not all(isinstance(column, str) for column in key):
        _refuse(name, f"has the meta.key {key!r}, which is no list of columns", "Write `key: [customer, day]`")
    return Suite(name=name, expectations=expectations, key=tuple(key))


def _expectation(suite: str, number: int, item: Any) -> Expectation:
    if not isinstance(item, Mapping):
        _refuse(suite, f"has an expectation {number} that is not a mapping", "Write `- type: ...` and `kwargs: {...}`")
    type_ = item.get("type")
    if not isinstance(type_, str):
        _refuse(suite, f"has an expectation {number} without a type", "Write `- type: expect_...`")
    _known_keys(suite, f"Expectation {number} ({type_})", item, _EXPECTATION_KEYS)
    _known_type(suite, type_)
    kwargs = item.get("kwargs") or {}
    if not isinstance(kwargs, Mapping):
        _refuse(suite, f"has an expectation {number} ({type_}) whose `kwargs` is not a mapping", "Write `kwargs: {column: ...}`")
    _arguments(suite, number, type_, kwargs)
    return Expectation(
        type=type_,
        kwargs=dict(kwargs),
        severity=_severity(suite, type_, item.get("severity", Severity.CRITICAL)),
        meta=item.get("meta") or {},
        description=item.get("description"),
    )


def _arguments(suite: str, number: int, type_: str, kwargs: Mapping[str, Any]) -> None:
    said = argument_problem(type_, kwargs) or _condition_problem(kwargs.get("row_condition"))
    if said is None:
        return
    column = kwargs.get("column")
    on = f" on column '{column}'" if isinstance(column, str) else ""
    what = f"gives {type_}{on} (expectation {number}) wrong arguments: it {said}"
    _refuse(suite, what, f"See https://greatexpectations.io/expectations/{type_}")


def _condition_problem(condition: Any) -> str | None:
    if not condition:
        return None
    try:
        read_condition(condition)
    except ValueError as error:
        return f"has the row_condition {condition!r}. {error}"
    return None


def _severity(suite: str, type_: str, word: Any) -> Severity:
    try:
        return Severity(word)
    except ValueError:
        allowed = ", ".join(Severity)
        _refuse(suite, f"gives {type_} the severity {word!r}", f"Allowed: {allowed}; only critical stops a pipeline")


def _known_keys(suite: str, what: str, item: Mapping[str, Any], allowed: frozenset[str]) -> None:
    unknown = sorted(str(key) for key in set(item) - allowed)
    if unknown:
        _refuse(suite, f"is wrong: {what} has the unknown key {', '.join(unknown)}", f"Allowed: {', '.join(sorted(allowed))}")


def _known_type(suite: str, type_: str) -> None:
    if accepts(type_):
        return
    known = known_types()
    if type_ in known:
        _refuse(suite, f"uses {type_}, which a gate does not run: {reason_against(type_)}", "Take another expectation")
    alike = closest(type_, known)
    hint = f"Did you mean {alike}?" if alike else "All are listed at https://greatexpectations.io/expectations"
    _refuse(suite, f"uses the expectation '{type_}', which does not exist", hint)


@cache
def known_types() -> frozenset[str]:
    """The expectations that the installed Great Expectations brings, by the names of its files."""
    spec = find_spec("great_expectations")
    if spec is None or not spec.submodule_search_locations:
        raise BadConfig("Great Expectations is not installed, so no gate can run. Install sagelens with its dependencies.")
    folder = Path(spec.submodule_search_locations[0], "expectations", "core")
    return frozenset(file.stem for file in folder.glob("*.py") if file.stem.startswith("expect_"))


def _refuse(suite: str, what: str, hint: str) -> NoReturn:
    raise BadConfig(f"Suite '{suite}' {what}. {hint}" + ("" if hint.endswith("?") else "."))
