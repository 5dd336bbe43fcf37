"""What the server reads and writes: JSON, JSON lines, CSV, Parquet and Arrow."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from sagelens.serving.columns import ARROW, PARQUET, read_columns
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
COLUMNAR = frozenset({PARQUET, ARROW})

Row: TypeAlias = Mapping[str, Any]
_NUMBER = re.compile(r" *[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)? *")
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


class NotAcceptable(Exception):
    """The client accepts nothing that the server can write."""


def score(media: str, body: bytes, servable: Servable) -> Scores:
    """The scores of the rows in a request; BadRow, which says where, for one that cannot be read."""
    if media in COLUMNAR:
        return _score_columns(read_columns(media, body), servable)
    return servable.predict_rows(REQUESTS[media](body, servable.schema))


def _score_columns(table: Any, servable: Servable) -> Scores:
    """A column may be valid, and of a type that no number can be made of."""
    import pyarrow as pa

    try:
        return servable.predict_table(table)
    except pa.ArrowException as error:
        raise BadRow(f"A column is of a type that cannot be taken: {' '.join(str(error).split())[:200]}") from error


def encode(media: str, scores: Scores, labels: Sequence[bool]) -> bytes:
    return ANSWERS[media](scores, labels)


def answer_type(accept: str, requested: str) -> str:
    """The media type of the answer, as RFC 9110 has it: of the highest quality that the client gives, the first; that of the
    request where the client takes anything."""
    if accept in {"", "*/*", requested}:
        return requested
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    refused = {name for name, quality in ranges if not quality}
    for name, quality in sorted(ranges, key=lambda given: -given[1]):
        found = _matching(name, requested, refused) if quality else None
        if found is not None:
            return found
    if not ranges:
        return requested
    raise NotAcceptable(accept)


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (word.strip().lower() for word in part.split(";"))
    given = next((word[2:] for word in parameters if word.startswith("q=")), "1")
    try:
        quality = float(given)
    except ValueError:
        quality = 1.0
    return name, quality if quality > 0 else 0.0


def _matching(name: str, requested: str, refused: Collection[str]) -> str | None:
    """What is meant by a range such as `text/*`: rather the type of the request than another."""
    kind, _, rest = name.partition("/")
    if rest != "*":
        return name if name in ANSWERS and name not in refused else None
    kinds = [media for media in (requested, *ANSWERS) if kind in {"*", media.partition("/")[0]}]
    return next((media for media in kinds if media not in refused), None)


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
    lines = _csv_lines(_decoded(body))
    if not lines:
        raise BadRow("The body is empty; CSV rows are expected, with a header or with all fields in the order of the schema.")
    names = list(schema.fields)
    if 2 * sum(cell in schema.fields for cell in lines[0]) >= len(lines[0]):
        names = lines.pop(0)
        doubled = next((name for name in names if names.count(name) > 1), None)
        if doubled is not None:
            raise BadRow(f"The header names '{doubled}' {names.count(doubled)} times; each field stands once.", field=doubled)
    return [_csv_row(line, names, schema, number) for number, line in enumerate(lines)]


def _csv_lines(text: str) -> list[list[str]]:
    """Lines may end in any of the three ways; what is no CSV is said with its line."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return [line for line in reader if line]
    except csv.Error as error:
        raise BadRow(f"The body cannot be read as CSV: line {reader.line_num}: {error}.") from error


def _csv_row(cells: Sequence[str], names: Sequence[str], schema: RowSchema, number: int) -> Row:
    if len(cells) != len(names):
        raise BadRow(f"Row {number} has {len(cells)} fields; {len(names)} are expected: {', '.join(names)}.", row=number)
    return {name: _cell(cell, name, schema) for name, cell in zip(names, cells, strict=True)}


def _cell(cell: str, name: str, schema: RowSchema) -> Any:
    """A number as writers of CSV write it, true or false, or text. What does not fit is left for the schema's check to tell."""
    if not cell:
        return None
    field = schema.fields.get(name)
    if field is None or field.type == "string":
        return cell
    if field.type == "boolean":
        return _BOOLEANS.get(cell.strip().lower(), cell)
    return float(cell) if _NUMBER.fullmatch(cell) else cell


def _parsed(text: bytes, row: int | None) -> Any:
    try:
        return _DECODER.decode(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        where = "The body" if row is None else f"Row {row}"
        raise BadRow(f"{where} is not JSON: {error}", row=row) from error


def _no_constant(word: str) -> Any:
    """RFC 8259 knows neither NaN nor Infinity."""
    raise ValueError(f"{word} is no JSON; leave a missing value out, or send null")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"'{next(name for name in names if names.count(name) > 1)}' stands more than once")
    return content


_DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_once)


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
