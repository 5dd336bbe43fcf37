"""Bodies in columns: Parquet and Arrow, looked at before they are believed.

A body may say of itself what is not so: offsets that lead out of its buffers, a dictionary that a few bytes blow up. So what it
would unpack to is bounded by its footer or as its batches come, text stays coded by its dictionary, and every buffer is checked
against its type before a value is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagelens.serving.schema import BadRow

__all__ = ["ARROW", "PARQUET", "read_columns"]

PARQUET = "application/x-parquet"
ARROW = "application/vnd.apache.arrow.stream"
MOST_CELLS = 50_000_000  # rows times columns: 400 MB of numbers
MOST_BYTES = 1 << 30  # of all columns, unpacked


def read_columns(media: str, body: bytes) -> Any:
    """The table of a body, every column of a flat type and valid as a whole. Raises BadRow."""
    import pyarrow as pa

    try:
        table = _wide_enough(_parquet(body) if media == PARQUET else _stream(body))
        names = table.column_names
    except (pa.ArrowException, OSError, MemoryError, ValueError, KeyError, OverflowError) as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise BadRow(f"The body cannot be read as {media}: {said}") from error
    if len(set(names)) != table.num_columns:
        doubled = next(name for name in names if names.count(name) > 1)
        raise BadRow(f"Column '{doubled}' stands more than once.", field=doubled)
    return table


def _wide_enough(table: Any) -> Any:
    """Arrow computes nothing on floats of 16 bits."""
    import pyarrow as pa

    for number, field in enumerate(table.schema):
        if pa.types.is_float16(field.type):
            table = table.set_column(number, field.name, table.column(number).cast(pa.float32()))
    return table


def _parquet(body: bytes) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    footer = parquet.read_metadata(pa.BufferReader(body))
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    _bound(sum(group.num_rows for group in groups), footer.num_columns, sum(group.total_byte_size for group in groups))
    schema = footer.schema.to_arrow_schema()
    _check_types(schema)
    text = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    table = parquet.ParquetFile(pa.BufferReader(body), read_dictionary=text, pre_buffer=False).read(use_threads=False)
    table.validate(full=True)
    _bound(table.num_rows, table.num_columns, table.nbytes)
    return table


def _stream(body: bytes) -> Any:
    import pyarrow as pa

    with pa.ipc.open_stream(body) as stream:
        _check_types(stream.schema)
        return pa.Table.from_batches(list(_batches(stream)), stream.schema)


def _batches(stream: Any) -> Iterator[Any]:
    """Each checked as it comes, and all together bounded."""
    rows = size = 0
    for batch in stream:
        batch.validate(full=True)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        _bound(rows, batch.num_columns, size)
        yield batch


def _bound(rows: int, columns: int, size: int) -> None:
    if rows < 0 or columns < 0 or size < 0 or rows * columns > MOST_CELLS or size > MOST_BYTES:
        raise BadRow(
            f"The body unpacks to {rows} rows of {columns} columns and {size} bytes; {MOST_CELLS} values and {MOST_BYTES} bytes "
            "are taken at once. Send fewer rows."
        )


def _check_types(schema: Any) -> None:
    """Nothing nested: a row is flat."""
    import pyarrow as pa

    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType):
            raise BadRow(f"Field '{field.name}' is of type {field.type}; a row is flat.", field=field.name)
