"""CSV files as columns of text: every value as it stands in the file, under its own name, from every file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sagelens.data.members import Member
from sagelens.errors import BadConfig, BadData
from sagelens.values.suggestion import suggestion

__all__ = ["Dialect", "Place", "dialect_of", "headers", "locate", "read_texts"]

_WHOLE = 1 << 30  # bytes of a file that is read at once, by all cores; a larger one comes in pieces
_BLOCK = 4 << 20  # bytes that one core reads at a time
_LONGEST = 1 << 30  # of one value, to Python's reader, which is asked only where something is wrong
_MAGIC = {
    b"PK\x03\x04": "a zip archive or an Excel file",
    b"\xd0\xcf\x11\xe0": "an Excel file of the old kind",
    b"PAR1": "Parquet",
    b"\x1f\x8b": "packed by gzip, and has no .gz in its name",
    b"%PDF": "a PDF document",
}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_LIKELY = (";", "\t", "|")
_OPTIONS = {
    **dict.fromkeys(("delim", "sep", "delimiter"), "delimiter"),
    **{name: name for name in ("quote", "escape", "encoding", "skip", "header", "names", "thousands", "dateformat")},
    "timestampformat": "timestampformat",
    "decimal_separator": "decimal",
}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a source writes CSV. `names` are the columns of files that have no `header`; `formats` are DuckDB's."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    encoding: str = "utf-8"
    skip: int = 0
    header: bool = True
    names: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str = ""
    dateformat: str = ""
    timestampformat: str = ""

    @property
    def formats(self) -> dict[str, str]:
        given = {"dateformat": self.dateformat, "timestampformat": self.timestampformat}
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True)
class Place:
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


def dialect_of(options: Mapping[str, Any]) -> Dialect:
    """From the options of a source, by DuckDB's names for them. Raises BadConfig."""
    chosen: dict[str, Any] = {}
    for name, value in options.items():
        field = _OPTIONS.get(name)
        if field is None:
            raise BadConfig(f"'{name}' is not the name of an option of CSV. {suggestion(name, _OPTIONS)}")
        if field in chosen:
            raise BadConfig(f"Options {', '.join(o for o in options if _OPTIONS.get(o) == field)} say the same; keep one.")
        chosen[field] = tuple(value) if field == "names" else value
    dialect = Dialect(**chosen)
    for field in ("delimiter", "quote", "escape", "decimal", "thousands"):
        value = getattr(dialect, field)
        if not isinstance(value, str) or len(value.encode()) > 1 or (field in {"delimiter", "decimal"} and not value):
            raise BadConfig(f"Option {field} of CSV is {value!r}; one character is allowed.")
    if not isinstance(dialect.header, bool) or not isinstance(dialect.skip, int):
        raise BadConfig("Of the options of CSV, header is true or false and skip a number of lines.")
    if not dialect.header and not dialect.names:
        raise BadConfig("A CSV source without a header needs the names of its columns: options: {header: false, names: [...]}.")
    try:
        "".encode(dialect.encoding)
    except LookupError as error:
        raise BadConfig(
            f"Option encoding of CSV is {dialect.encoding!r}, which is not known. Try utf-8, latin-1 or utf-16."
        ) from error
    return dialect


def headers(source: str, files: Sequence[Member], dialect: Dialect) -> dict[str, tuple[str, ...]]:
    """The columns of each file that has any line, by the file's name. Raises BadData where a column could not be kept under its
    own name, or files do not have the same."""
    found: dict[str, tuple[str, ...]] = {}
    for member in files:
        names = _header(source, member, dialect)
        if names is not None:
            _check_names(source, member.name, names)
            found[member.name] = names
    first = next(iter(found), None)
    for name, columns in found.items():
        if first is not None and set(columns) != set(found[first]):
            raise BadData(_unlike(source, first, found[first], name, columns))
    return found


def _header(source: str, member: Member, dialect: Dialect) -> tuple[str, ...] | None:
    with member.path.open("rb") as file:
        start = file.read(4)
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            raise BadData(f"Source '{source}' ({member.name}) is no CSV: this is {kind}. Correct the source's `format`.")
    if start.startswith(_UTF16) and not dialect.encoding.lower().startswith("utf-16"):
        raise BadData(f"Source '{source}' ({member.name}) is UTF-16. Set the source's options: {{encoding: utf-16}}.")
    if dialect.names:
        return dialect.names if start else None
    with _opened(member.path, dialect) as lines:
        try:
            names = next(_records(lines, dialect), None)
        except UnicodeDecodeError as error:
            raise _undecodable(source, member, dialect) from error
        except csv.Error as error:
            raise BadData(f"Source '{source}' ({member.name}, line 1) cannot be read as CSV: {error}.") from error
    return tuple(names) if names else None


def _opened(path: Path, dialect: Dialect) -> io.TextIOWrapper:
    encoding = "utf-8-sig" if dialect.encoding.lower() in {"utf-8", "utf8"} else dialect.encoding
    opened = path.open(encoding=encoding, newline="")
    for _ in range(dialect.skip):
        opened.readline()
    return opened


def _records(lines: io.TextIOWrapper, dialect: Dialect) -> Any:
    csv.field_size_limit(_LONGEST)
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        escapechar=dialect.escape if dialect.escape and dialect.escape != dialect.quote else None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        strict=True,
    )


def _check_names(source: str, file: str, names: tuple[str, ...]) -> None:
    where = f"Source '{source}' ({file}, line 1)"
    if len(names) == 1 and (likely := next((sign for sign in _LIKELY if sign in names[0]), None)):
        shown = "\\t" if likely == "\t" else likely
        advice = f"options: {{delim: '{shown}'}}"
        raise BadData(f"{where} has one column, '{names[0]}': its separator looks like {shown!r}. Set the source's {advice}.")
    if "" in names:
        raise BadData(f"{where}: column {names.index('') + 1} has no name. Give it one in the file's header.")
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if names.count(name) > 1:
            raise BadData(f"{where}: column '{name}' stands {names.count(name)} times in the header. Rename all but one.")
        if other != name:
            raise BadData(f"{where}: columns '{other}' and '{name}' differ in letter case only, which tables do not. Rename one.")


def _unlike(source: str, first: str, columns: tuple[str, ...], other: str, others: tuple[str, ...]) -> str:
    lacks = [f"'{name}'" for name in columns if name not in others]
    adds = [f"'{name}'" for name in others if name not in columns]
    said = [f"lacks {', '.join(lacks)}"] * bool(lacks) + [f"has {', '.join(adds)} besides"] * bool(adds)
    return (
        f"Source '{source}': {other} {' and '.join(said)}, unlike {first}. All files of a source have the same columns; make two "
        "sources of them, or add what is missing."
    )


def read_texts(source: str, member: Member, names: tuple[str, ...], dialect: Dialect) -> Iterator[Any]:
    """The file's rows as Arrow tables of strings, dictionary-encoded. Raises BadData with the line that cannot be read."""
    import pyarrow as pa

    with TemporaryDirectory(prefix="sagelens-csv-") as folder:
        path = _as_utf8(source, member, dialect, Path(folder))
        try:
            yield from _parsed(path, names, dialect)
        except pa.ArrowInvalid as error:
            raise _unreadable(source, member, names, dialect, error) from error
        _check_quotes(source, member, path, dialect)


def _as_utf8(source: str, member: Member, dialect: Dialect, folder: Path) -> Path:
    if dialect.encoding.lower() in {"utf-8", "utf8"}:
        return member.path
    path = folder / "utf8"
    try:
        with (
            member.path.open(encoding=dialect.encoding, newline="") as given,
            path.open("w", encoding="utf-8", newline="") as made,
        ):
            while piece := given.read(1 << 20):
                made.write(piece)
    except UnicodeError as error:
        raise _undecodable(source, member, dialect) from error
    return path


def _parsed(path: Path, names: tuple[str, ...], dialect: Dialect) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    kind = pa.dictionary(pa.int32(), pa.string())
    options = {
        "read_options": arrow_csv.ReadOptions(
            column_names=list(names), skip_rows=dialect.skip + int(dialect.header), block_size=_BLOCK
        ),
        "parse_options": arrow_csv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote or False,
            double_quote=bool(dialect.quote),
            escape_char=dialect.escape if dialect.escape and dialect.escape != dialect.quote else False,
            newlines_in_values=bool(dialect.quote),
            ignore_empty_lines=len(names) > 1,  # of one column, an empty line is an empty value
        ),
        "convert_options": arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, kind), strings_can_be_null=False, null_values=[]
        ),
    }
    if path.stat().st_size <= _WHOLE:
        yield arrow_csv.read_csv(path, **options).unify_dictionaries()
        return
    with arrow_csv.open_csv(path, **options) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _check_quotes(source: str, member: Member, path: Path, dialect: Dialect) -> None:
    """A quote that is never closed takes the rest of the file into one value. Where their number is odd, Python's reader, which
    is slower, tells whether that is so."""
    if not dialect.quote:
        return
    quote, count = dialect.quote.encode(), 0
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            count += piece.count(quote)
    if count % 2:
        with _opened(path, replace(dialect, encoding="utf-8")) as lines:
            records = _records(lines, dialect)
            try:
                for _ in records:
                    pass
            except csv.Error as error:
                raise BadData(
                    f"Source '{source}' ({member.name}, line {records.line_num}) cannot be read as CSV: {error}. A quote may be "
                    "open; set the source's options: {quote: ''} where quotes mean nothing."
                ) from error


def _undecodable(source: str, member: Member, dialect: Dialect) -> BadData:
    """Where a file is not in its encoding."""
    line = 1
    with member.path.open("rb") as file:
        for line, content in enumerate(file, 1):
            try:
                content.decode(dialect.encoding)
            except UnicodeDecodeError as error:
                sign = content[error.start]
                return BadData(
                    f"Source '{source}' ({member.name}, line {line}) is not {dialect.encoding}: byte {error.start + 1} of "
                    f"the line is {sign:#04x}. Name its encoding in the source's options, such as {{encoding: latin-1}}."
                )
    return BadData(f"Source '{source}' ({member.name}, line {line}) is not {dialect.encoding}.")


def _unreadable(source: str, member: Member, names: tuple[str, ...], dialect: Dialect, error: Exception) -> BadData:
    """What Arrow says of a file, with the line."""
    if "UTF8" in str(error):
        return _undecodable(source, member, dialect)
    try:
        with _opened(member.path, dialect) as lines:
            records = _records(lines, dialect)
            for values in records:
                if values and len(values) != len(names):
                    return BadData(
                        f"Source '{source}' ({member.name}, line {records.line_num}) cannot be read as csv: {len(values)} values "
                        f"where the header has {len(names)} columns."
                    )
    except (csv.Error, UnicodeDecodeError) as said:
        return BadData(f"Source '{source}' ({member.name}) cannot be read as csv: {said}.")
    return BadData(f"Source '{source}' ({member.name}) cannot be read as csv: {str(error).partition(chr(10))[0].rstrip('.')}.")


def locate(
    files: Sequence[Member], columns: Mapping[str, tuple[str, ...]], dialect: Dialect, column: str, value: str
) -> Place | None:
    """The first line on which a column has this value."""
    for member in files:
        names = columns.get(member.name)
        if names is None:
            continue
        index = names.index(column)
        with _opened(member.path, dialect) as lines:
            records = _records(lines, dialect)
            try:
                if any(len(values) > index and values[index] == value for values in records):
                    return Place(member.name, records.line_num)
            except (csv.Error, UnicodeDecodeError):
                continue
    return None
