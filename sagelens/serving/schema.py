"""The raw row that a model is asked about: its JSON Schema, and the check of a request against it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from sagelens.errors import BadData
from sagelens.features.batch import Batch

__all__ = ["BadRow", "Field", "RowSchema", "schema_of_table"]

LARGEST = 3.4e38  # features are float32
_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int, float),
    "number": (int, float),
}
_NEVER_TOO_LARGE = frozenset({str, bool})


class BadRow(BadData):
    """A row that does not fit the schema; says which field of which row (the first is 0)."""

    kind: ClassVar[str] = "bad-row"

    def __init__(self, message: str, *, field: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.row = row


@dataclass(frozen=True)
class Field:
    """`type` is string, boolean, integer or number."""

    name: str
    type: str
    nullable: bool
    required: bool

    @property
    def expected(self) -> str:
        return f"{self.type} or null" if self.nullable else self.type


class RowSchema:
    """The fields of a raw row, in order."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = {field.name: field for field in fields}
        self._checks = [(f.name, f, _PYTHON_TYPES[f.type]) for f in fields]

    @classmethod
    def from_json_schema(cls, document: Mapping[str, Any]) -> RowSchema:
        required = set(document["required"])
        fields = []
        for name, described in document["properties"].items():
            types = [described["type"]] if isinstance(described["type"], str) else list(described["type"])
            kind = next(kind for kind in types if kind != "null")
            fields.append(Field(name, kind, "null" in types, name in required))
        return cls(fields)

    def to_json_schema(self, *, title: str) -> dict[str, Any]:
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": title,
            "type": "object",
            "properties": {f.name: {"type": [f.type, "null"] if f.nullable else f.type} for f in self.fields.values()},
            "required": [f.name for f in self.fields.values() if f.required],
            "additionalProperties": False,
        }

    def check(self, row: Mapping[str, Any], number: int) -> None:
        """Raise BadRow for the first field that is missing, of another type, or not known."""
        present = 0
        for name, field, types in self._checks:
            value = row.get(name)
            if value is None:
                present += name in row
                if not (field.nullable if name in row else not field.required):
                    _refuse_absent(field, number, given=name in row)
                continue
            present += 1
            kind = type(value)
            if kind not in types or (kind not in _NEVER_TOO_LARGE and not _fits(value, field)):
                _refuse_value(field, value, number)
        if present != len(row):
            self._refuse_unknown(row, number)

    def check_table(self, table: Any, used: Collection[str]) -> None:
        """The same for an Arrow table, by column. Columns that the model does not use may have any type."""
        import pyarrow as pa

        for name in table.column_names:
            if name not in self.fields:
                self._refuse_unknown(dict.fromkeys(table.column_names), 0)
        for name, field in self.fields.items():
            if name not in table.column_names:
                if field.required:
                    _refuse_absent(field, 0, given=False)
                continue
            column = table.column(name)
            absent = column.is_null(nan_is_null=True).index(True).as_py()
            if absent >= 0 and not field.nullable:
                _refuse_absent(field, absent, given=True)
            if name in used and not pa.types.is_null(column.type):
                _check_column(field, column)

    def _refuse_unknown(self, row: Mapping[str, Any], number: int) -> NoReturn:
        name = next((str(name) for name in row if name not in self.fields), "")
        known = ", ".join(self.fields)
        raise BadRow(f"Row {number}: field '{name}' is not known. Known fields: {known}.", field=name, row=number)


def schema_of_table(table: Any, *, without: Collection[str], needed: Collection[str]) -> RowSchema:
    """The schema of the raw rows in an Arrow table.

    Required are the `needed` columns that are never missing in the table, be it as null or as NaN; all others may be left out or
    null. Nested and binary columns, which nobody can send and no feature is made of, are no fields.
    """
    fields = []
    for column in table.schema:
        if column.name not in without and _can_be_sent(column.type):
            required = column.name in needed and not _any_missing(table.column(column.name))
            fields.append(Field(column.name, _json_type(column.type), nullable=not required, required=required))
    return RowSchema(fields)


def rows_to_batch(rows: Sequence[Mapping[str, Any]], schema: RowSchema, used: Sequence[str]) -> Batch:
    text = [name for name in used if schema.fields[name].type == "string"]
    return Batch.of_rows(rows, numbers=[name for name in used if schema.fields[name].type != "string"], text=text)


def _can_be_sent(kind: Any) -> bool:
    import pyarrow as pa

    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return not (pa.types.is_nested(inner) or _is_binary(inner))


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _any_missing(column: Any) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(column.is_null(nan_is_null=True)).as_py())


def _json_type(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    return "number" if pa.types.is_floating(kind) or pa.types.is_decimal(kind) else "string"


def _check_column(field: Field, column: Any) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if _kind_of(column.type) != _KINDS.get(field.type, "number"):
        message = f"Field '{field.name}' is of type {column.type}; {field.expected} is expected."
        raise BadRow(message, field=field.name, row=0)
    if pa.types.is_floating(column.type):
        large = pc.greater(pc.abs(column), LARGEST).index(True).as_py()
        if large >= 0:
            _refuse_value(field, column[large].as_py(), large)


_KINDS = {"string": "text", "boolean": "boolean"}


def _kind_of(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return "boolean"
    if _is_text(kind):
        return "text"
    return "number" if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) else "other"


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or (pa.types.is_dictionary(kind) and _is_text(kind.value_type))
    )


def _fits(value: float, field: Field) -> bool:
    """Within what a feature can hold (NaN is not), and whole where an integer is asked for: JSON Schema takes 7.0 for one."""
    return -LARGEST <= value <= LARGEST and (field.type == "number" or type(value) is int or value.is_integer())


def _refuse_absent(field: Field, number: int, *, given: bool) -> NoReturn:
    found = "is null" if given else "is missing"
    raise BadRow(f"Row {number}: field '{field.name}' {found}; {field.expected} is expected.", field=field.name, row=number)


def _refuse_value(field: Field, value: object, number: int) -> NoReturn:
    shown = repr(value)[:60]
    raise BadRow(f"Row {number}: field '{field.name}' is {shown}; {field.expected} is expected.", field=field.name, row=number)
