"""How much of a source is read: no more, once unpacked, than the machine can hold."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sagelens.errors import BadData

__all__ = ["MOST_TIMES", "check_footers", "check_sizes", "most_unpacked"]

MOST_TIMES = 500
"""A file's size over its packed size: text packs 3 to 50 times, a bomb 1,000."""
FREE_OF_DOUBT = 64 << 20
"""Bytes that a source may have, however well it packs."""
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_FIXED = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}  # bytes of Parquet's own types
_TEXT = 16  # bytes of a text in a table, without its characters
_ROWS = 1 << 20  # of a batch
_MUCH = 20  # times its encoded size that a column's values may at least take, before its texts are measured


def memory() -> int:
    """Bytes of the machine, or of the container that this is."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [Path(name).read_text().strip() for name in _LIMITS if Path(name).is_file()]
    return min([physical, *(int(limit) for limit in limits if limit.isdigit())])


def most_unpacked(packed: int) -> int:
    """What `packed` bytes may become. That the disk is full is told where it is."""
    return min(max(FREE_OF_DOUBT, packed * MOST_TIMES), memory())


def check_sizes(source: str, files: Sequence[Path]) -> None:
    """Raises BadData for text that is larger than the memory."""
    size, most = sum(file.stat().st_size for file in files), memory()
    if size > most:
        raise _too_large(source, f"has {size:,} bytes of text", most)


def check_footers(source: str, files: Sequence[Path]) -> None:
    """Raises BadData for Parquet whose values take more than the memory: fixed ones as the footers say; texts, which may stand
    once in a file for any number of rows, are added up where the footers look so."""
    from pyarrow import parquet

    least, encoded, most = 0, 0, memory()
    for path in files:
        with parquet.ParquetFile(path) as file:
            rows, size = _sizes(file.metadata)
        least, encoded = least + rows, encoded + size
    if max(least, encoded) > most:
        raise _too_large(source, f"unpacks to at least {max(least, encoded):,} bytes, by its files' footers", most)
    if least <= max(_MUCH * encoded, FREE_OF_DOUBT):
        return
    for path in files:
        for size in _texts(path):
            least += size
            if least > most:
                raise _too_large(source, f"unpacks to more than {least:,} bytes from {encoded:,}", most)


def _too_large(source: str, said: str, most: int) -> BadData:
    return BadData(f"Source '{source}' {said}; this machine has {most:,} bytes of memory. Read a part of it.")


def _sizes(metadata: Any) -> tuple[int, int]:
    """Bytes that the values take at least, and that they take in the file before it is compressed."""
    least = encoded = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        encoded += group.total_byte_size
        for column in range(group.num_columns):
            chunk = group.column(column)
            least += chunk.num_values * _FIXED.get(chunk.physical_type, _TEXT)
    return least, encoded


def _texts(path: Path) -> Iterator[int]:
    """Bytes of the texts of a file, a batch of rows at a time. A text that stands once in the file stands once here."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        names = [field.name for field in file.schema_arrow if _is_text(field.type)]
    with parquet.ParquetFile(path, read_dictionary=names) as file:
        for batch in file.iter_batches(_ROWS, columns=names) if names else ():
            for column in batch.columns:
                lengths = pc.binary_length(column.dictionary if pa.types.is_dictionary(column.type) else column)
                sizes = lengths.take(column.indices) if pa.types.is_dictionary(column.type) else lengths
                yield pc.sum(sizes).as_py() or 0


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    own = kind.value_type if types.is_dictionary(kind) else kind
    return any(is_kind(own) for is_kind in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary))
