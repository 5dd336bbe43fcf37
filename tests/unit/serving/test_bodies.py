"""Bodies that are not what they say, values that are no numbers, and what the client accepts."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.fuzz_bodies import MEDIA, fuzz
from sagelens.features import Batch
from sagelens.serving import BadRow
from sagelens.serving.columns import read_columns
from sagelens.serving.media import ARROW, CSV, JSON, JSON_LINES, PARQUET, REQUESTS, NotAcceptable, answer_type
from sagelens.serving.schema import Field, RowSchema, schema_of_table

SCHEMA = RowSchema(
    [Field("carrier", "string", True, False), Field("distance", "number", True, False), Field("late", "boolean", True, False)]
)


def rows(media: str, body: str | bytes) -> list[dict[str, Any]]:
    found = [dict(row) for row in REQUESTS[media](body.encode() if isinstance(body, str) else body, SCHEMA)]
    for number, row in enumerate(found):
        SCHEMA.check(row, number)
    return found


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_json_has_no_such_numbers(word: str) -> None:
    for media in (JSON, JSON_LINES):
        with pytest.raises(BadRow, match=f"{word} is no JSON"):
            rows(media, f'{{"distance": {word}}}')


@pytest.mark.parametrize(
    ("media", "body", "message"),
    [
        (JSON, '{"distance": 1, "distance": 2}', "'distance' stands more than once"),
        (JSON, '{"distance": 1e999}', "distance' is inf"),
        (JSON, '{"distance": true}', "is True; number or null"),
        (JSON, '{"late": 1}', "is 1; boolean or null"),
        (JSON, '{"distance": ' + "9" * 5000 + "}", "is not JSON"),
        (JSON, b'{"carrier": "\xff"}', "is not JSON"),
        (JSON, "[" * 100_000, "is not JSON"),
        (CSV, "carrier,distance,late\nUA,inf,\n", "is 'inf'"),
        (CSV, "carrier,distance,late\nUA,nan,\n", "is 'nan'"),
        (CSV, "carrier,distance,late\nUA,1_0,\n", "is '1_0'"),
        (CSV, "carrier,distance,late\nUA,1,maybe\n", "is 'maybe'; boolean"),
        (CSV, "carrier,carrier\nUA,AA\n", "names 'carrier' 2 times"),
        (CSV, 'carrier,distance,late\n"UA"x,1,\n', "cannot be read as CSV: line 2"),
    ],
)
def test_what_a_row_cannot_hold_is_refused(media: str, body: str | bytes, message: str) -> None:
    with pytest.raises(BadRow, match=message):
        rows(media, body)


def test_booleans_in_csv_and_lines_that_end_in_any_way() -> None:
    wanted = [{"carrier": "UA", "distance": 1.5, "late": True}, {"carrier": "AA", "distance": None, "late": False}]
    for end in ("\n", "\r\n", "\r"):
        assert rows(CSV, end.join(["carrier,distance,late", "UA,1.5,True", "AA,,0"])) == wanted


@pytest.mark.parametrize(
    ("accept", "requested", "wanted"),
    [
        ("", CSV, CSV),
        ("*/*", JSON, JSON),
        ("text/csv;q=0.1, application/json;q=0.9", CSV, JSON),
        ("text/csv, application/json", JSON, CSV),
        ("text/csv;q=0, */*", JSON, JSON),
        ("application/json;q=0, application/*", JSON, JSON_LINES),
        ("text/*", JSON, CSV),
        ("TEXT/CSV; Q=1.0; charset=utf-8", JSON, CSV),
        ("text/html, */*;q=0.1", CSV, CSV),
        ("text/csv;q=x", JSON, CSV),
    ],
)
def test_the_client_gets_what_it_likes_best(accept: str, requested: str, wanted: str) -> None:
    assert answer_type(accept, requested) == wanted


@pytest.mark.parametrize("accept", ["text/html", "text/csv;q=0", "*/*;q=0", "image/*"])
def test_what_cannot_be_written_is_not_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        answer_type(accept, JSON)


def stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_offsets_that_lead_out_of_a_buffer_are_refused() -> None:
    body = bytearray(stream(pa.table({"carrier": ["UA", "AA", "DL"]})))
    offsets = bytes(np.array([0, 2, 4, 6], dtype=np.int32))
    place = body.index(offsets)
    body[place + 4 : place + 8] = (2**31 - 1).to_bytes(4, "little")

    with pytest.raises(BadRow, match="cannot be read as"):
        read_columns(ARROW, bytes(body))


def test_an_index_that_its_dictionary_lacks_is_refused() -> None:
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, 9], pa.int32()), pa.array(["UA", "AA"]), safe=False)

    with pytest.raises(BadRow, match="cannot be read as"):
        read_columns(ARROW, stream(pa.table({"carrier": coded})))


def test_what_a_few_bytes_blow_up_is_refused_or_stays_small() -> None:
    """A long text that a million rows share, which nobody may write out; and rows that a footer counts."""
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), pa.array(["x" * 100_000]))
    table = pa.table({"carrier": long})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    many = io.BytesIO()
    pq.write_table(pa.table({f"c{n}": pa.array(np.zeros(1_000_000, np.int8)) for n in range(60)}), many)

    for media, body in ((PARQUET, sink.getvalue()), (ARROW, stream(table))):
        coded = Batch.of_arrow(read_columns(media, body)).text("carrier")
        assert (len(coded.values), len(coded.codes)) == (1, 100_000)
    with pytest.raises(BadRow, match="unpacks to 1000000 rows of 60 columns"):
        read_columns(PARQUET, many.getvalue())


@pytest.mark.parametrize("values", [[{"a": 1}], [[1]], [(1, 2)]])
def test_rows_are_flat(values: list[Any]) -> None:
    table = pa.table({"x": pa.array(values)})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    for media, body in ((ARROW, stream(table)), (PARQUET, sink.getvalue())):
        with pytest.raises(BadRow, match="a row is flat"):
            read_columns(media, body)


def test_a_column_that_stands_twice_is_refused() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])

    with pytest.raises(BadRow, match="'x' stands more than once"):
        read_columns(ARROW, stream(table))


def test_a_dictionary_may_hold_the_missing_value() -> None:
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), pa.array(["UA", None]))

    assert Batch.of_arrow(pa.table({"c": coded})).text("c").codes.tolist() == [0, -1, -1]


def test_missing_as_nan_is_missing_to_the_schema_and_types_are_told_apart() -> None:
    table = pa.table(
        {
            "nan": pa.array([1.0, np.nan], from_pandas=False),
            "flag": pa.array([True, None]),
            "exact": pa.array([1, 2]).cast(pa.decimal128(21, 2)),
            "whole": pa.array([1, 2]),
            "nested": pa.array([{"a": 1}, None]),
            "raw": pa.array([b"x", b"y"]),
        }
    )

    schema = schema_of_table(table, without=(), needed=table.column_names)

    assert {name: (field.type, field.required) for name, field in schema.fields.items()} == {
        "nan": ("number", False),
        "flag": ("boolean", False),
        "exact": ("number", True),
        "whole": ("integer", True),
    }


def test_a_table_is_checked_for_booleans_as_a_row_is() -> None:
    SCHEMA.check_table(pa.table({"late": [True]}), ["late"])
    for column in (pa.array([1]), pa.array(["x"])):
        with pytest.raises(BadRow, match="boolean or null is expected"):
            SCHEMA.check_table(pa.table({"late": column}), ["late"])
    with pytest.raises(BadRow, match="number or null is expected"):
        SCHEMA.check_table(pa.table({"distance": [True]}), ["distance"])


@pytest.mark.parametrize("media", MEDIA)
def test_broken_bodies_get_no_5xx_and_end_no_server(packaged: Path, media: str) -> None:
    found = fuzz(packaged, media, bodies=40, seed=3)

    assert found.problems == []
    assert sum(found.statuses.values()) == 40


def test_an_error_with_half_a_character_can_be_written() -> None:
    with pytest.raises(BadRow) as refused:
        rows(JSON, json.dumps({"\ud800": 1}))
    assert json.dumps({"error": refused.value.message}).isascii()


def test_floats_of_16_bits_are_numbers(packaged: Path) -> None:
    from sagelens.serving import Servable
    from sagelens.serving.media import score

    servable = Servable.load(packaged)
    (line,) = (packaged / "sample.jsonl").read_text().splitlines()[:1]
    columns = {name: pa.array([value]) for name, value in json.loads(line).items() if value is not None}
    half = {**columns, "distance": pa.array(np.array([100], np.float16))}
    whole = {**columns, "distance": pa.array([100])}

    assert score(ARROW, stream(pa.table(half)), servable) == score(ARROW, stream(pa.table(whole)), servable)


def test_a_name_that_is_not_utf_8_is_the_clients_fault(packaged: Path) -> None:
    from sagelens.serving import Servable
    from sagelens.serving.media import score

    body = stream(pa.table({"distance": [100]})).replace(b"distance", b"dist\xffnce")

    with pytest.raises(BadRow, match="utf-8"):
        score(ARROW, body, Servable.load(packaged))
