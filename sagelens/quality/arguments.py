"""What each expectation takes, checked when a suite is read, so that no argument is overlooked and none passes in silence."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sagelens.quality.typenames import known_type_name

__all__ = ["Wrong", "accepts", "argument_problem", "reason_against"]

Wrong = str
"""What is wrong with an argument, and what is right."""


@dataclass(frozen=True)
class _Arguments:
    """Names of the arguments that must and that may be given."""

    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


_CONDITION = ("row_condition", "condition_parser")
_MAP = ("mostly", *_CONDITION)
_BOUNDS = ("min_value", "max_value", "strict_min", "strict_max")


def _column(*must: str, may: tuple[str, ...] = ()) -> _Arguments:
    return _Arguments(("column", *must), (*may, *_MAP))


def _aggregate(*must: str, may: tuple[str, ...] = ()) -> _Arguments:
    return _Arguments(("column", *must), (*may, *_CONDITION))


def _bounded() -> _Arguments:
    return _aggregate(may=_BOUNDS)


def _columns(*must: str, may: tuple[str, ...] = ()) -> _Arguments:
    return _Arguments((*must,), ("ignore_row_if", *may, *_MAP))


_TAKES = {
    "expect_column_distinct_values_to_be_in_set": _aggregate("value_set"),
    "expect_column_distinct_values_to_contain_set": _aggregate("value_set"),
    "expect_column_distinct_values_to_equal_set": _aggregate("value_set"),
    "expect_column_max_to_be_between": _bounded(),
    "expect_column_mean_to_be_between": _bounded(),
    "expect_column_median_to_be_between": _bounded(),
    "expect_column_min_to_be_between": _bounded(),
    "expect_column_most_common_value_to_be_in_set": _aggregate("value_set", may=("ties_okay",)),
    "expect_column_pair_values_a_to_be_greater_than_b": _columns("column_A", "column_B", may=("or_equal",)),
    "expect_column_pair_values_to_be_equal": _columns("column_A", "column_B"),
    "expect_column_pair_values_to_be_in_set": _columns("column_A", "column_B", "value_pairs_set"),
    "expect_column_proportion_of_non_null_values_to_be_between": _bounded(),
    "expect_column_proportion_of_unique_values_to_be_between": _bounded(),
    "expect_column_quantile_values_to_be_between": _aggregate("quantile_ranges", may=("allow_relative_error",)),
    "expect_column_stdev_to_be_between": _bounded(),
    "expect_column_sum_to_be_between": _bounded(),
    "expect_column_to_exist": _Arguments(("column",), ("column_index",)),
    "expect_column_type_to_be": _Arguments(("column", "type_")),
    "expect_column_unique_value_count_to_be_between": _bounded(),
    "expect_column_value_lengths_to_be_between": _column(may=_BOUNDS),
    "expect_column_value_lengths_to_equal": _column("value"),
    "expect_column_value_z_scores_to_be_less_than": _column("threshold", may=("double_sided",)),
    "expect_column_values_to_be_between": _column(may=_BOUNDS),
    "expect_column_values_to_be_dateutil_parseable": _column(),
    "expect_column_values_to_be_decreasing": _column(may=("strictly",)),
    "expect_column_values_to_be_in_set": _column("value_set"),
    "expect_column_values_to_be_in_type_list": _column("type_list"),
    "expect_column_values_to_be_increasing": _column(may=("strictly",)),
    "expect_column_values_to_be_json_parseable": _column(),
    "expect_column_values_to_be_null": _column(),
    "expect_column_values_to_be_of_type": _column("type_"),
    "expect_column_values_to_be_unique": _column(),
    "expect_column_values_to_match_json_schema": _column("json_schema"),
    "expect_column_values_to_match_like_pattern": _column("like_pattern", may=("escape",)),
    "expect_column_values_to_match_like_pattern_list": _column("like_pattern_list", may=("escape", "match_on")),
    "expect_column_values_to_match_regex": _column("regex"),
    "expect_column_values_to_match_regex_list": _column("regex_list", may=("match_on",)),
    "expect_column_values_to_match_strftime_format": _column("strftime_format"),
    "expect_column_values_to_not_be_in_set": _column("value_set"),
    "expect_column_values_to_not_be_null": _column(),
    "expect_column_values_to_not_be_outliers": _column(may=("method", "multiplier")),
    "expect_column_values_to_not_match_like_pattern": _column("like_pattern", may=("escape",)),
    "expect_column_values_to_not_match_like_pattern_list": _column("like_pattern_list", may=("escape",)),
    "expect_column_values_to_not_match_regex": _column("regex"),
    "expect_column_values_to_not_match_regex_list": _column("regex_list"),
    "expect_compound_columns_to_be_unique": _columns("column_list"),
    "expect_multicolumn_sum_to_equal": _columns("column_list", "sum_total"),
    "expect_multicolumn_values_to_be_equal": _columns("column_list"),
    "expect_select_column_values_to_be_unique_within_record": _columns("column_list"),
    "expect_table_column_count_to_be_between": _Arguments((), ("min_value", "max_value")),
    "expect_table_column_count_to_equal": _Arguments(("value",)),
    "expect_table_columns_to_match_ordered_list": _Arguments(("column_list",)),
    "expect_table_columns_to_match_set": _Arguments(("column_set",), ("exact_match",)),
    "expect_table_row_count_to_be_between": _Arguments((), (*_BOUNDS, *_CONDITION)),
    "expect_table_row_count_to_equal": _Arguments(("value",), _CONDITION),
}

_STATISTICAL = "its verdict rests on a test whose result no exact value decides"
_OTHER_DATA = "it asks for data beside the table, which a gate does not hold"
_AGAINST = {
    "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than": _STATISTICAL,
    "expect_column_chisquare_test_p_value_to_be_greater_than": _STATISTICAL,
    "expect_column_kl_divergence_to_be_less_than": _STATISTICAL,
    "expect_column_pair_cramers_phi_value_to_be_less_than": _STATISTICAL,
    "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than": _STATISTICAL,
    "expect_multicolumn_values_to_be_unique": (
        "Great Expectations replaced it. Write expect_select_column_values_to_be_unique_within_record, "
        "or expect_compound_columns_to_be_unique"
    ),
    "expect_query_results_to_match_comparison": _OTHER_DATA,
    "expect_table_row_count_to_equal_other_table": _OTHER_DATA,
}


def accepts(type_: str) -> bool:
    """Whether a gate runs this expectation."""
    return type_ in _TAKES


def reason_against(type_: str) -> str:
    """Why a gate does not run an expectation that Great Expectations has."""
    return _AGAINST.get(type_, "a gate has no exact way to decide it")


def argument_problem(type_: str, kwargs: Mapping[str, Any]) -> Wrong | None:
    """The first thing wrong with the arguments of an expectation that a gate runs; None where they are right."""
    takes = _TAKES[type_]
    allowed = (*takes.must, *takes.may)
    unknown = [name for name in kwargs if name not in allowed]
    if unknown:
        return f"does not take {', '.join(map(str, unknown))}. It takes {', '.join(allowed)}"
    absent = [name for name in takes.must if kwargs.get(name) is None]
    if absent:
        return f"lacks {', '.join(absent)}"
    given = {name: value for name, value in kwargs.items() if value is not None}
    wrong = (f"has {name} {value!r}. {said}" for name, value in given.items() if (said := _said(type_, name, value)))
    return next(wrong, None) or _bounds_problem(type_, takes, given)


def _bounds_problem(type_: str, takes: _Arguments, given: Mapping[str, Any]) -> Wrong | None:
    if "min_value" not in takes.may:
        return None
    low, high = given.get("min_value"), given.get("max_value")
    if low is None and high is None:
        return "says nothing: min_value and max_value cannot both be None"
    if type_ in _COUNTED and any(value is not None and not _is_number(value) for value in (low, high)):
        return "has a bound that is no number"
    if low is None or high is None or not _is_number(low) or not _is_number(high):
        return None
    between = low < high or (low == high and not given.get("strict_min") and not given.get("strict_max"))
    return None if between else f"lets nothing through: no value is from {low} to {high}"


_COUNTED = frozenset(
    {
        "expect_column_mean_to_be_between",
        "expect_column_proportion_of_non_null_values_to_be_between",
        "expect_column_proportion_of_unique_values_to_be_between",
        "expect_column_stdev_to_be_between",
        "expect_column_unique_value_count_to_be_between",
        "expect_column_value_lengths_to_be_between",
        "expect_table_column_count_to_be_between",
        "expect_table_row_count_to_be_between",
    }
)


def _said(type_: str, name: str, value: Any) -> Wrong | None:
    """What is right, for an argument that is wrong."""
    if isinstance(value, Mapping) and set(value) == {"$PARAMETER"}:
        return "Suite parameters are not filled in here: write the value"
    if name == "ignore_row_if":
        return _choice(_IGNORED["column_A" if "column_pair" in type_ else "column_list"])(value)
    check = _CHECKS.get(name)
    return check(value) if check is not None else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not (isinstance(value, float) and math.isnan(value))


def _choice(allowed: Sequence[str]) -> Callable[[Any], Wrong | None]:
    return lambda value: None if value in allowed else f"Allowed: {', '.join(allowed)}"


def _flag(value: Any) -> Wrong | None:
    return None if isinstance(value, bool) else "Write true or false"


def _number(value: Any) -> Wrong | None:
    return None if _is_number(value) and math.isfinite(value) else "Write a number"


def _share(value: Any) -> Wrong | None:
    return None if _is_number(value) and 0 <= value <= 1 else "Write a share from 0 to 1"


def _count(value: Any) -> Wrong | None:
    whole = _is_number(value) and math.isfinite(value) and value == int(value) and value >= 0
    return None if whole else "Write a whole number"


def _bound(value: Any) -> Wrong | None:
    return "Nothing compares with NaN" if isinstance(value, float) and math.isnan(value) else None


def _multiplier(value: Any) -> Wrong | None:
    return _number(value) or (None if value >= 0 else "Write a number of at least 0")


def _rounding(value: Any) -> Wrong | None:
    return None if value is False else _choice(_ROUNDINGS)(value)


def _one_character(value: Any) -> Wrong | None:
    return None if isinstance(value, str) and len(value) == 1 else "Write one character"


def _text(value: Any) -> Wrong | None:
    return None if isinstance(value, str) and value else "Write text"


def _names(value: Any) -> Wrong | None:
    listed = isinstance(value, list | tuple | set | frozenset) and value
    if not listed or not all(isinstance(name, str) for name in value):
        return "Write a list of names, at least one"
    twice = next((name for name in value if list(value).count(name) > 1), None)
    return None if twice is None else f"{twice!r} stands twice. Name each column once"


def _values(value: Any) -> Wrong | None:
    if not isinstance(value, list | tuple | set | frozenset) or not value:
        return "Write a list of values, at least one"
    if any(item is None for item in value):
        return "A missing value is in no set; expect_column_values_to_not_be_null asks for those"
    nested = next((item for item in value if isinstance(item, list | tuple | Mapping)), None)
    return None if nested is None else f"{nested!r} is no single value"


def _pairs(value: Any) -> Wrong | None:
    listed = isinstance(value, list | tuple) and value
    paired = listed and all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value)
    return None if paired else "Write a list of pairs, at least one"


def _regex(value: Any) -> Wrong | None:
    if not isinstance(value, str):
        return "Write a regular expression, in quotes"
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        return f"It is no regular expression of Python: {error}"
    return None


def _time_format(value: Any) -> Wrong | None:
    """A format that Python reads what it wrote with; by others no text is a time, whatever the column holds."""
    if said := _text(value):
        return said
    try:
        datetime.strptime(datetime(2013, 1, 31, tzinfo=UTC).strftime(value), value)  # noqa: DTZ007 - only whether it can be read
    except (ValueError, re.error) as error:
        return f"Python reads no time by it: {error}. See datetime.strptime for what it reads"
    return None


def _each(check: Callable[[Any], Wrong | None]) -> Callable[[Any], Wrong | None]:
    def checked(value: Any) -> Wrong | None:
        if not isinstance(value, list | tuple) or not value:
            return "Write a list, at least one item"
        return next((said for item in value if (said := check(item))), None)

    return checked


def _type_name(value: Any) -> Wrong | None:
    if isinstance(value, str) and known_type_name(value):
        return None
    return "Write a type such as int64, float64, bool, str, date, datetime64[us], decimal, or DuckDB's name: BIGINT, VARCHAR"


def _quantiles(value: Any) -> Wrong | None:
    shape = "Write {quantiles: [0.5], value_ranges: [[0, 9]]}, a range of two for each quantile"
    if not isinstance(value, Mapping) or set(value) != {"quantiles", "value_ranges"}:
        return shape
    quantiles, ranges = value["quantiles"], value["value_ranges"]
    if not isinstance(quantiles, list | tuple) or not isinstance(ranges, list | tuple) or len(quantiles) != len(ranges):
        return shape
    two = all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in ranges)
    if not two or not quantiles or any(map(_share, quantiles)):
        return shape
    return next((said for pair in ranges if (said := _range(*pair))), None)


def _range(low: Any, high: Any) -> Wrong | None:
    if low is None and high is None:
        return "A range says nothing: give it one bound at least"
    if not all(bound is None or _is_number(bound) for bound in (low, high)):
        return f"[{low!r}, {high!r}] is no range of numbers"
    return f"No value is from {low} to {high}" if low is not None and high is not None and low > high else None


def _schema(value: Any) -> Wrong | None:
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    if not isinstance(value, Mapping):
        return "Write a JSON schema"
    try:
        validator_for(value).check_schema(value)
    except SchemaError as error:
        return f"It is no JSON schema: {error.message}"
    return None


_IGNORED = {
    "column_A": ("both_values_are_missing", "either_value_is_missing", "neither"),
    "column_list": ("all_values_are_missing", "any_value_is_missing", "never"),
}
_ROUNDINGS = ("linear", "lower", "higher", "midpoint", "nearest")
_CHECKS: dict[str, Callable[[Any], Wrong | None]] = {
    "allow_relative_error": _rounding,
    "column": _text,
    "column_A": _text,
    "column_B": _text,
    "column_index": _count,
    "column_list": _names,
    "column_set": _names,
    "condition_parser": _choice(("pandas", "great_expectations")),
    "double_sided": _flag,
    "escape": _one_character,
    "exact_match": _flag,
    "json_schema": _schema,
    "like_pattern": _text,
    "like_pattern_list": _each(_text),
    "match_on": _choice(("any", "all")),
    "max_value": _bound,
    "method": _choice(("iqr", "std")),
    "min_value": _bound,
    "mostly": _share,
    "multiplier": _multiplier,
    "or_equal": _flag,
    "quantile_ranges": _quantiles,
    "regex": _regex,
    "regex_list": _each(_regex),
    "row_condition": _text,
    "strftime_format": _time_format,
    "strict_max": _flag,
    "strict_min": _flag,
    "strictly": _flag,
    "sum_total": _number,
    "threshold": _number,
    "ties_okay": _flag,
    "type_": _type_name,
    "type_list": _each(_type_name),
    "value": _count,
    "value_pairs_set": _pairs,
    "value_set": _values,
}
