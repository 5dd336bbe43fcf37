"""What the server reads and writes: JSON, JSON lines, CSV, Parquet and Arrow."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from sagelens.serving.schema import BadRow, RowSchema
from sagelens.serving.servable import Scores, Servable

__all__ = [
    "ANSWERS",
    "ARROW",
    "COLUMNAR",
    "CSV",
    "JSON",
    "JSON_LINES",
    "PARQUET",
    "REQUESTS",
    "NotAcceptable",
    "answer_type",
    "encode",
    "score",
]

CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"
PARQUET = "application/x-parquet"
ARROW = "application/vnd.apache.arrow.stream"
COLUMNAR = frozenset({PARQUET, ARROW})

Row: TypeAlias = Mapping[str, Any]


class NotAcceptable(Exception):
    """The client accepts nothing that the server can write."""


def score(media: str, body: bytes, servable: Servable) -> Scores:
    """The scores of the rows in a request; BadRow, which says where, for one that cannot be read."""
    if media in COLUMNAR:
        return servable.predict_table(_table(media, body))
    return servable.predict_rows(REQUESTS[media](body, servable.schema))


def encode(media: str, scores: Scores, labels: Sequence[bool]) -> bytes:
    return ANSWERS[media](scores, labels)


def answer_type(accept: str, requested: str) -> str:
    """The media type of the answer; that of the request where the client takes anything."""
    for part in accept.split(","):
        name = part.partition(";")[0].strip().lower()
        if name in ANSWERS:
            return name
        if name in {"", "*/*", f"{requested.partition('/')[0]}/*"}:
            return requested
    raise NotAcceptable(accept)


def _json_rows(body: bytes, _schema: RowSchema) -> Sequence[Row]:
    content = _parsed(body, None)
    if isinstance(content, dict):
        content = content.get("instances", [content])
    if not isinstance(content, list):
        raise BadRow('The body must be {"instances": [...]}, a list of rows, or one row as an object.')
    for number, row in enumerate(content):
        _require_object(row, number)
    return content


def _json_line_rows(body: bytes, _schema: RowSchema) -> Sequence[Row]:
    rows = [_parsed(line, number) for number, line in enumerate(body.splitlines()) if line.strip()]
    for number, row in enumerate(rows):
        _require_object(row, number)
    return rows


def _csv_rows(body: bytes, schema: RowSchema) -> Sequence[Row]:
    lines = [line for line in csv.reader(io.StringIO(_decoded(body))) if line]
    if not lines:
        raise BadRow("The body is empty; CSV rows are expected, with a header or with all fields in the order of the schema.")
    names = list(schema.fields)
    if 2 * sum(cell in schema.fields for cell in lines[0]) >= len(lines[0]):
        names = lines.pop(0)
    return [_csv_row(line, names, schema, number) for number, line in enumerate(lines)]


def _csv_row(cells: Sequence[str], names: Sequence[str], schema: RowSchema, number: int) -> Row:
    if len(cells) != len(names):
        raise BadRow(f"Row {number} has {len(cells)} fields; {len(names)} are expected: {', '.join(names)}.", row=number)
    return {name: _cell(cell, name, schema) for name, cell in zip(names, cells, strict=True)}


def _cell(cell: str, name: str, schema: RowSchema) -> Any:
    if not cell:
        return None
    field = schema.fields.get(name)
    if field is None or field.type == "string":
        return cell
    try:
        return float(cell)
    except ValueError:
        return cell  # the schema's check says what is wrong with it


def _table(media: str, body: bytes) -> Any:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        if media == PARQUET:
            return pyarrow.parquet.read_table(pa.BufferReader(body))
        with pa.ipc.open_stream(body) as stream:
            return stream.read_all()
    except (pa.ArrowException, OSError) as error:
        raise BadRow(f"The body cannot be read as {media}: {error}") from error


def _parsed(text: bytes, row: int | None) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        where = "The body" if row is None else f"Row {row}"
        raise BadRow(f"{where} is not JSON: {error}", row=row) from error


def _require_object(row: object, number: int) -> None:
    if not isinstance(row, dict):
        raise BadRow(f"Row {number} is not an object; a row is an object with the fields of the schema.", row=number)


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRow(f"The body is not UTF-8: {error}") from error


def _predictions(scores: Scores, labels: Sequence[bool]) -> Iterable[dict[str, Any]]:
    return ({"score": score, "label": label} for score, label in zip(scores.tolist(), labels, strict=True))


def _to_json(scores: Scores, labels: Sequence[bool]) -> bytes:
    return json.dumps({"predictions": list(_predictions(scores, labels))}).encode()


def _to_json_lines(scores: Scores, labels: Sequence[bool]) -> bytes:
    return "".join(f"{json.dumps(prediction)}\n" for prediction in _predictions(scores, labels)).encode()


def _to_csv(scores: Scores, _labels: Sequence[bool]) -> bytes:
    return "".join(f"{score!r}\n" for score in scores.tolist()).encode()


def _to_parquet(scores: Scores, labels: Sequence[bool]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet

    sink = io.BytesIO()
    pyarrow.parquet.write_table(pa.table({"score": scores, "label": labels}), sink)
    return sink.getvalue()


def _to_arrow(scores: Scores, labels: Sequence[bool]) -> bytes:
    import pyarrow as pa

    table = pa.table({"score": scores, "label": pa.array(labels, pa.bool_())})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


REQUESTS: Mapping[str, Callable[[bytes, RowSchema], Sequence[Row]]] = {
    CSV: _csv_rows,
    JSON: _json_rows,
    JSON_LINES: _json_line_rows,
}
ANSWERS: Mapping[str, Callable[[Scores, Sequence[bool]], bytes]] = {
    CSV: _to_csv,
    JSON: _to_json,
    JSON_LINES: _to_json_lines,
    PARQUET: _to_parquet,
    ARROW: _to_arrow,
}
