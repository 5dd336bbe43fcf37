"""Expectations in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sagelens.quality.suite import Expectation

__all__ = ["expected_of", "listing", "subject_of"]

_UNSAID = frozenset({"column", "column_A", "column_B", "column_list", "mostly", "row_condition", "condition_parser", "batch_id"})

# Each is what follows "expected"; `{range}`, `{set}` and the expectation's own arguments may stand in it.
_TEMPLATES = {
    "expect_column_distinct_values_to_be_in_set": "values only from {set}",
    "expect_column_distinct_values_to_contain_set": "all of {set} among the values",
    "expect_column_distinct_values_to_equal_set": "exactly the values {set}",
    "expect_column_max_to_be_between": "a largest value {range}",
    "expect_column_mean_to_be_between": "a mean {range}",
    "expect_column_median_to_be_between": "a median {range}",
    "expect_column_min_to_be_between": "a smallest value {range}",
    "expect_column_pair_values_a_to_be_greater_than_b": "{column_A} greater than {column_B}",
    "expect_column_proportion_of_non_null_values_to_be_between": "a share of present values {range}",
    "expect_column_proportion_of_unique_values_to_be_between": "a share of distinct values {range}",
    "expect_column_stdev_to_be_between": "a standard deviation {range}",
    "expect_column_sum_to_be_between": "a sum {range}",
    "expect_column_to_exist": "that the column exists",
    "expect_column_unique_value_count_to_be_between": "a number of distinct values {range}",
    "expect_column_value_lengths_to_be_between": "lengths {range}",
    "expect_column_values_to_be_between": "values {range}",
    "expect_column_values_to_be_in_set": "values from {set}",
    "expect_column_values_to_be_of_type": "values of type {type_}",
    "expect_column_values_to_be_unique": "no value twice",
    "expect_column_values_to_match_regex": "values like {regex}",
    "expect_column_values_to_not_be_in_set": "no value from {set}",
    "expect_column_values_to_not_be_null": "no missing values",
    "expect_column_values_to_not_match_regex": "no value like {regex}",
    "expect_compound_columns_to_be_unique": "no combination twice",
    "expect_table_column_count_to_be_between": "a number of columns {range}",
    "expect_table_columns_to_match_ordered_list": "the columns {columns}, in this order",
    "expect_table_columns_to_match_set": "the columns {columns}",
    "expect_table_row_count_to_be_between": "a number of rows {range}",
    "expect_table_row_count_to_equal": "{value} rows",
}


def subject_of(table: str, expectation: Expectation) -> str:
    """`flights.distance`, or `flights` for what concerns the table as a whole."""
    columns = expectation.columns or tuple(filter(None, [expectation.kwargs.get("column")]))
    return f"{table}.{'+'.join(columns)}" if columns else table


def expected_of(expectation: Expectation) -> str:
    """What the expectation asks for: its own description, or one made from its arguments."""
    if expectation.description:
        return expectation.description
    kwargs = expectation.kwargs
    template = _TEMPLATES.get(expectation.type)
    words = template.format_map(_words(kwargs)) if template else _generic(expectation)
    mostly = kwargs.get("mostly")
    share = f" in at least {100 * float(mostly):.4g} % of the rows" if mostly not in (None, 1, 1.0) else ""
    where = f" where {expectation.condition}" if expectation.condition else ""
    return f"{words}{share}{where}"


def listing(values: Iterable[Any], limit: int = 20) -> str:
    """`a, b, c and 4 more`."""
    values = list(values)
    shown = ", ".join(str(value) for value in islice(values, limit))
    return f"{shown} and {len(values) - limit} more" if len(values) > limit else shown


class _Arguments(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"<{key} not given>"


def _words(kwargs: Mapping[str, Any]) -> _Arguments:
    words = _Arguments({key: value for key, value in kwargs.items() if not isinstance(value, list)})
    words["range"] = _range(kwargs)
    words["set"] = "{" + listing(kwargs.get("value_set") or ()) + "}"
    words["columns"] = listing(kwargs.get("column_set") or kwargs.get("column_list") or (), 40)
    return words


def _range(kwargs: Mapping[str, Any]) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    above = "above" if kwargs.get("strict_min") else "of at least"
    below = "below" if kwargs.get("strict_max") else "of at most"
    if low is None:
        return f"{below} {high}"
    if high is None:
        return f"{above} {low}"
    return f"from {low} to {high}"


def _generic(expectation: Expectation) -> str:
    said = ", ".join(f"{key} {value}" for key, value in expectation.kwargs.items() if key not in _UNSAID)
    words = expectation.type.removeprefix("expect_").replace("_", " ")
    return f"{words} ({said})" if said else words
