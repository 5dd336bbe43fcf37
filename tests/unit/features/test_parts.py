"""Batches and the parts of a transform, each alone."""

import datetime
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sagelens.errors import BadConfig, BadData
from sagelens.features import Batch, Coded, Derived, Lookup, MedianImputer, OrdinalEncoder, day_of_week


def airports(**columns: list[Any]) -> Batch:
    return Batch.of_columns({"faa": ["IAH", "MIA"], "alt": [97, 8], "tzone": ["America/Chicago", None], **columns})


def doubled(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {"twice": columns["hour"] * 2}


def scalar(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {"sum": columns["hour"].sum()}


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_text_of_any_arrow_kind_becomes_a_dictionary(kind: pa.DataType) -> None:
    table = pa.table({"carrier": pa.chunked_array([pa.array(["UA", None]).cast(kind), pa.array(["UA", "B6"]).cast(kind)])})

    assert Batch.of_arrow(table)["carrier"].tolist() == ["UA", None, "UA", "B6"]


@pytest.mark.parametrize("kind", [pa.int16(), pa.int64(), pa.float32(), pa.float64(), pa.decimal128(30, 2)])
def test_numbers_of_any_arrow_kind_become_float64_with_nan_for_null(kind: pa.DataType) -> None:
    numbers = Batch.of_arrow(pa.table({"seats": pa.array([1, None, 3]).cast(kind)})).numbers("seats")

    np.testing.assert_array_equal(numbers, [1.0, np.nan, 3.0])


def test_a_time_is_no_feature() -> None:
    batch = Batch.of_arrow(pa.table({"time_hour": [datetime.datetime(2013, 1, 1, tzinfo=datetime.UTC)]}))

    with pytest.raises(BadData, match="'time_hour' is of type timestamp"):
        batch.column("time_hour")


def test_a_column_that_is_absent_is_named_with_those_that_exist() -> None:
    with pytest.raises(BadData, match=r"'seats' is not in the table. It has: hour"):
        Batch.of_columns({"hour": [1]}).column("seats")


def test_rows_and_arrow_give_the_same_columns() -> None:
    rows: list[dict[str, Any]] = [
        {"carrier": "UA", "temp": 1.5},
        {"carrier": None, "temp": None},
        {"carrier": "B6"},
        {"carrier": "UA", "temp": 2},
    ]
    of_rows = Batch.of_rows(rows, numbers=["temp"], text=["carrier"])
    of_arrow = Batch.of_arrow(pa.Table.from_pylist([{"carrier": None, "temp": None, **row} for row in rows]))

    assert of_rows["carrier"].tolist() == of_arrow["carrier"].tolist()
    np.testing.assert_array_equal(of_rows["temp"], of_arrow["temp"])


@pytest.mark.parametrize("texts", [["UA"], [None], ["UA", None, "B6", "UA"], []])
def test_coded_text_decodes_to_what_it_was_made_from(texts: list[str | None]) -> None:
    assert Coded.of(texts).decoded().tolist() == texts


def test_text_and_numbers_are_not_confused() -> None:
    batch = Batch.of_columns({"carrier": ["UA"], "hour": [1]})

    with pytest.raises(BadData, match=r"'carrier' holds text; numbers are needed. List it under features.categorical"):
        batch.numbers("carrier")
    with pytest.raises(BadData, match=r"'hour' holds numbers; text is needed. List it under features.numeric"):
        batch.text("hour")


def test_categories_are_ranked_in_order_and_unknown_ones_are_minus_one() -> None:
    encoder = OrdinalEncoder.fit(Coded.of(["UA", "AA", None, "UA"]))

    assert encoder.transform(Coded.of(["AA", "UA", "ZZ", None])).tolist() == [0, 1, -1, -1]
    assert encoder.transform(Coded.of([None])).tolist() == [-1]


def test_only_categories_that_occur_are_learned() -> None:
    assert OrdinalEncoder.fit(Coded(("AA", "UA"), np.array([1, 1], dtype=np.int32))).categories == ("UA",)


def test_missing_numbers_become_the_median_of_those_present() -> None:
    imputer = MedianImputer.fit([np.array([1.0, np.nan, 3.0, 9.0])])
    matrix = np.array([[np.nan], [5.0]], dtype=np.float32)

    imputer.transform(matrix)

    assert matrix.ravel().tolist() == [3.0, 5.0]


def test_a_column_that_was_never_present_stays_missing() -> None:
    imputer = MedianImputer.from_state(MedianImputer.fit([np.array([np.nan])]).state())
    matrix = np.array([[np.nan]], dtype=np.float32)

    imputer.transform(matrix)

    assert np.isnan(matrix).all()


def test_a_lookup_joins_by_key_and_an_unknown_key_gives_missing_values() -> None:
    lookup = Lookup.of("airports", airports(), on="dest", key="faa", columns={"alt": "altitude", "tzone": "tzone"})
    batch = Batch.of_columns({"dest": ["MIA", "XXX", None, "IAH"]})

    lookup.transform(batch)

    np.testing.assert_array_equal(batch["altitude"], [8, np.nan, np.nan, 97])
    assert batch["tzone"].tolist() == [None, None, None, "America/Chicago"]


def test_a_lookup_survives_its_state() -> None:
    lookup = Lookup.of("airports", airports(alt=[None, 8]), on="dest", key="faa", columns={"alt": "alt", "tzone": "tzone"})
    kept, batch = Lookup.from_state(lookup.state()), Batch.of_columns({"dest": ["IAH", "MIA"]})

    kept.transform(batch)

    np.testing.assert_array_equal(batch["alt"], [np.nan, 8])
    assert batch["tzone"].tolist() == ["America/Chicago", None]


def test_a_lookup_refuses_a_key_that_occurs_twice() -> None:
    with pytest.raises(BadData, match="Key 'IAH' occurs more than once in table 'airports'"):
        Lookup.of("airports", airports(faa=["IAH", "IAH"]), on="dest", key="faa", columns={"alt": "alt"})


def test_a_lookup_names_columns_that_the_table_lacks() -> None:
    with pytest.raises(BadConfig, match=r"Table 'airports' has no column runway\. It has: faa, alt, tzone"):
        Lookup.of("airports", airports(), on="dest", key="faa", columns={"runway": "runway"})


def test_derived_columns_know_what_they_read_and_give() -> None:
    derived = Derived(doubled).fit(Batch.of_columns({"hour": [1, 2], "minute": [3, 4]}))

    assert (derived.reads, derived.gives) == (("hour",), ("twice",))


def test_derived_columns_need_one_number_a_row() -> None:
    with pytest.raises(BadConfig, match=r"gave column 'sum' of shape \(\) for 2 rows"):
        Derived(scalar).transform(Batch.of_columns({"hour": [1, 2]}))


def test_derived_columns_must_be_importable_when_served() -> None:
    with pytest.raises(BadConfig, match="cannot be imported when the model is served"):
        Derived(lambda columns: {})


def test_a_function_that_is_gone_is_named() -> None:
    with pytest.raises(BadConfig, match=r"needs 'steps.features:gone', which cannot be imported"):
        Derived.from_state({"function": "steps.features:gone", "reads": [], "gives": []})


def test_day_of_week_agrees_with_the_calendar() -> None:
    days = [datetime.date(1899, 12, 31) + datetime.timedelta(days=step * 97) for step in range(1000)]
    parts = [np.array([getattr(day, part) for day in days], dtype=np.float64) for part in ("year", "month", "day")]

    assert day_of_week(*parts).tolist() == [day.weekday() for day in days]
