"""The columns of a source, from the head of its files: nothing else of them is read."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

from sagelens.data.members import is_foreign
from sagelens.errors import BadData
from sagelens.values import Source, SourceFormat

__all__ = ["columns_of"]

_DELIMITERS = ("delim", "sep", "delimiter")  # DuckDB's names for one option
_PLAIN = {*_DELIMITERS, "quote", "header", "encoding", "decimal_separator", "thousands", "dateformat", "timestampformat"}
_GZIP = b"\x1f\x8b"
_LONGEST_LINE = 1 << 20  # bytes of a header


def columns_of(source: Source, files: Sequence[Path]) -> tuple[str, ...] | None:
    """Names as the files give them, those of the first file first. None where the head does not tell.

    Raises BadData for a file that cannot be opened.
    """
    if source.format in {SourceFormat.CSV, SourceFormat.CSV_ZIP} and not _told_by_head(source.options):
        return None
    names: dict[str, None] = {}
    for file in files:
        found = _columns(source, file)
        if found is None:
            return None
        names.update(dict.fromkeys(found))
    return tuple(names)


def _told_by_head(options: Mapping[str, Any]) -> bool:
    return set(options) <= _PLAIN and options.get("header", True) is True


def _columns(source: Source, file: Path) -> tuple[str, ...] | None:
    try:
        match source.format:
            case SourceFormat.PARQUET:
                return _of_parquet(file)
            case SourceFormat.JSON_LINES:
                return None  # any later record may hold more
            case SourceFormat.CSV:
                with file.open("rb") as plain:
                    return _of_header(plain, source.options)
            case SourceFormat.CSV_ZIP:
                return _of_archive(file, source.options)
    except (OSError, BadZipFile) as error:
        raise BadData(f"{file.name} cannot be opened: {error}.") from error


def _of_archive(file: Path, options: Mapping[str, Any]) -> tuple[str, ...] | None:
    names: dict[str, None] = {}
    with ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or is_foreign(entry.filename):
                continue
            with archive.open(entry) as member:
                found = _of_header(member, options)
            if found is None:
                return None
            names.update(dict.fromkeys(found))
    return tuple(names)


def _of_header(file: IO[bytes], options: Mapping[str, Any]) -> tuple[str, ...] | None:
    line = file.readline(_LONGEST_LINE)
    if line.startswith(_GZIP):
        return None
    delimiter = next((str(options[name]) for name in _DELIMITERS if name in options), ",")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if not text.strip() or text.lower().startswith("sep="):
        return None
    if len(delimiter) != 1 or text.count('"') % 2:  # a name that holds a line break: DuckDB reads it, this does not
        return None
    return tuple(next(csv.reader(io.StringIO(text), delimiter=delimiter), ()))


def _of_parquet(file: Path) -> tuple[str, ...] | None:
    import pyarrow as pa
    from pyarrow import parquet

    if file.suffix != ".parquet":
        return None
    try:
        return tuple(parquet.read_schema(file).names)
    except (pa.ArrowInvalid, OSError) as error:
        raise BadData(f"{file.name} is not Parquet: {error}.") from error
