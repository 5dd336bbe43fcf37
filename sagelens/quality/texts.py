"""Expectations of the text of a value: decided in Python, once for each distinct value.

A value that is no text is looked at as it is written: 5, 1.10, 0.1, True, 2013-01-31, 2013-01-31 15:00:00.5, and +00:00 behind
an instant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from sagelens.quality.columns import Column, Kind
from sagelens.quality.literals import Parameters, Undecidable
from sagelens.quality.suite import Expectation
from sagelens.quality.view import View, shown

__all__ = ["bad_texts", "length"]

Predicate = Callable[[str], bool]


def bad_texts(view: View, column: Column, expectation: Expectation, within: str, parameters: Parameters) -> str:
    """SQL for the rows whose text is otherwise; `parameters` are those of `within`. Raises Undecidable."""
    make = _PREDICATES[expectation.type]
    if make not in _OF_ANY_TEXT and column.kind not in (Kind.TEXT, Kind.EMPTY):
        raise Undecidable(f"column '{column.name}' holds {column.kind} ({column.type}), and this needs text")
    predicate, said = make(expectation.kwargs), _written(column)
    sql = f"SELECT DISTINCT {said} AS said FROM {view.name} WHERE {within}"  # noqa: S608 - names are quoted, values parameters
    bad = []
    for batch in view.batches(sql, parameters):
        texts = batch.column(0)
        otherwise = [not predicate(text) for text in texts.to_pylist()]
        if any(otherwise):
            bad.append(texts.filter(otherwise))
    return f"{said} IN (FROM {view.keep(bad)})" if bad else "FALSE"


def length(column: Column) -> str:
    """SQL for the length of a value: characters, bytes, or items. Raises Undecidable."""
    if column.kind is Kind.BINARY:
        return f"octet_length({column.sql})"
    if column.type.endswith("]"):
        return f"len({column.sql})"
    if column.type.startswith("MAP"):
        return f"cardinality({column.sql})"
    return f"length({_written(column)})"


def _written(column: Column) -> str:
    if column.kind is Kind.BOOLEAN:
        return f"CASE WHEN {column.sql} THEN 'True' ELSE 'False' END"
    if column.kind in (Kind.BINARY, Kind.NESTED, Kind.OTHER):
        raise Undecidable(f"column '{column.name}' holds {column.kind} ({column.type}), which have no text")
    return f"CAST({shown(column) if column.kind.temporal else column.value} AS VARCHAR)"


def _matches(kwargs: Mapping[str, Any]) -> Predicate:
    """As Great Expectations: anywhere in the text, unless the expression says ^ and $."""
    expression = re.compile(kwargs["regex"])
    return lambda text: expression.search(text) is not None


def _matches_some(kwargs: Mapping[str, Any]) -> Predicate:
    expressions = [re.compile(regex) for regex in kwargs["regex_list"]]
    enough = all if kwargs.get("match_on") == "all" else any
    return lambda text: enough(expression.search(text) is not None for expression in expressions)


def _not(make: Callable[[Mapping[str, Any]], Predicate], kwargs: Mapping[str, Any]) -> Predicate:
    matches = make(kwargs)
    return lambda text: not matches(text)


def _has_format(kwargs: Mapping[str, Any]) -> Predicate:
    wanted = kwargs["strftime_format"]
    return lambda text: _succeeds(lambda: datetime.strptime(text, wanted))  # noqa: DTZ007 - only whether it can be read


def _is_date(_: Mapping[str, Any]) -> Predicate:
    """Parts that a text leaves out are those of a leap year's January, so that no verdict depends on the day it is made."""
    from dateutil.parser import parse
    from dateutil.tz import tzoffset

    def zone(name: str | None, offset: int | None) -> tzoffset | None:
        return None if offset is None else tzoffset(name, offset)

    return lambda text: _succeeds(lambda: parse(text, default=datetime(2000, 1, 1), tzinfos=zone))  # noqa: DTZ001 - as above


def _is_json(_: Mapping[str, Any]) -> Predicate:
    return lambda text: _succeeds(lambda: _json(text, parse_int=str))  # of any length


def _has_schema(kwargs: Mapping[str, Any]) -> Predicate:
    from jsonschema.validators import validator_for
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import EMPTY_REGISTRY

    # With a registry of its own a validator asks no network for the schemas that one refers to.
    schema = kwargs["json_schema"]
    validator = validator_for(schema)(schema, registry=EMPTY_REGISTRY)

    def holds(text: str) -> bool:
        try:
            value = _json(text)
        except (ValueError, RecursionError):
            return False
        try:
            return bool(validator.is_valid(value))
        except Unresolvable as error:
            raise Undecidable(f"json_schema refers to {error.ref!r}, which is not in it. Write it below $defs") from error
        except RecursionError as error:
            raise Undecidable(f"json_schema refers to itself without end, asked of {text[:40]!r}") from error

    return holds


def _json(text: str, parse_int: Callable[[str], Any] = int) -> Any:
    """As RFC 8259 has it, which knows neither NaN nor Infinity."""
    return json.loads(text, parse_int=parse_int, parse_constant=_no_constant)


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _succeeds(read: Callable[[], Any]) -> bool:
    try:
        read()
    except (ValueError, OverflowError, RecursionError):
        return False
    return True


_does_not_match = partial(_not, _matches)
_matches_none = partial(_not, _matches_some)
_OF_ANY_TEXT = (_matches, _matches_some, _does_not_match, _matches_none)
_PREDICATES: dict[str, Callable[[Mapping[str, Any]], Predicate]] = {
    "expect_column_values_to_be_dateutil_parseable": _is_date,
    "expect_column_values_to_be_json_parseable": _is_json,
    "expect_column_values_to_match_json_schema": _has_schema,
    "expect_column_values_to_match_regex": _matches,
    "expect_column_values_to_match_regex_list": _matches_some,
    "expect_column_values_to_match_strftime_format": _has_format,
    "expect_column_values_to_not_match_regex": _does_not_match,
    "expect_column_values_to_not_match_regex_list": _matches_none,
}
