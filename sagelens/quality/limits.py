"""Bounds and row conditions as SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagelens.quality.columns import Column
from sagelens.quality.conditions import Comparison, Condition, Junction, Missing, Name, Negation, read_condition
from sagelens.quality.lines import pair_equal, pair_greater
from sagelens.quality.literals import Parameters, compare, equals_any
from sagelens.quality.suite import Expectation
from sagelens.quality.view import View

__all__ = ["bounds", "limited"]


def limited(view: View, expectation: Expectation, parameters: Parameters) -> str:
    """SQL for the rows that `row_condition` leaves; true or false, never null. Raises Undecidable."""
    if not expectation.condition:
        return "TRUE"
    return _condition(read_condition(expectation.condition), view, parameters)


def bounds(sql: str, column: Column, kwargs: Mapping[str, Any], parameters: Parameters) -> list[str]:
    """SQL for each bound that is given. Raises Undecidable."""
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    above = ">" if kwargs.get("strict_min") else ">="
    below = "<" if kwargs.get("strict_max") else "<="
    found = []
    if low is not None:
        found.append(compare(sql, above, low, column, parameters))
    if high is not None:
        found.append(compare(sql, below, high, column, parameters))
    return found


def _condition(condition: Condition, view: View, parameters: Parameters) -> str:
    match condition:
        case Missing(Name(name)):
            return f"({view.columns[name].sql} IS NULL)"
        case Negation(inner):
            return f"(NOT {_condition(inner, view, parameters)})"
        case Junction(word, conditions):
            return "(" + f" {word} ".join(_condition(one, view, parameters) for one in conditions) + ")"
        case Comparison(Name(name), operator, right):
            return f"coalesce({_comparison(view.columns[name], operator, right, view, parameters)}, FALSE)"
    raise TypeError(condition)


def _comparison(column: Column, operator: str, right: Any, view: View, parameters: Parameters) -> str:
    if isinstance(right, Name):
        return _of_columns(column, operator, view.columns[right.column])
    if operator == "in":
        return equals_any(column.value, right, column, parameters)
    return compare(column.value, operator, right, column, parameters)


def _of_columns(left: Column, operator: str, right: Column) -> str:
    match operator:
        case "=":
            return pair_equal(left, right)
        case ">" | ">=":
            return pair_greater(left, right, or_equal=operator == ">=")
    return pair_greater(right, left, or_equal=operator == "<=")
