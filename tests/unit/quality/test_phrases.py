from __future__ import annotations

from typing import Any

import pytest

from sagelens.quality.phrases import expected_of, listing
from sagelens.quality.suite import Expectation


def said(type_: str, **kwargs: Any) -> str:
    return expected_of(Expectation(type=type_, kwargs=kwargs))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (said("expect_column_values_to_be_between", column="x", min_value=1), "values of at least 1"),
        (said("expect_column_values_to_be_between", column="x", max_value=9, strict_max=True), "values below 9"),
        (said("expect_column_values_to_be_in_set", column="x", value_set=["a", "b"]), "values from {a, b}"),
        (
            said("expect_column_values_to_not_be_null", column="x", mostly=0.975),
            "no missing values in at least 97.5 % of the rows",
        ),
        (said("expect_table_columns_to_match_set", column_set=["a", "b"]), "the columns a, b"),
        (
            said("expect_column_value_z_scores_to_be_less_than", column="x", threshold=3),
            "column value z scores to be less than (threshold 3)",
        ),
    ],
)
def test_expectations_read_as_words(words: str, expected: str) -> None:
    assert words == expected


def test_a_description_of_the_suites_own_is_kept() -> None:
    assert expected_of(Expectation(type="expect_column_to_exist", kwargs={}, description="as agreed")) == "as agreed"


def test_long_lists_are_cut() -> None:
    assert listing(range(5), 3) == "0, 1, 2 and 2 more"
