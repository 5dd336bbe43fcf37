"""CSV files as columns of text: every value as it stands in the file, under its own name, from every file."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sagelens.data.members import Member
from sagelens.errors import BadConfig, BadData
from sagelens.values.suggestion import suggestion

__all__ = ["Dialect", "Heading", "Place", "dialect_of", "headings", "locate", "read_texts", "shown"]

_WHOLE = 1 << 30  # bytes of a file that is read at once, by all cores; a larger one comes in pieces
_BLOCK = 4 << 20  # bytes that one core reads at a time
_LONGEST = 1 << 30  # of one value, to Python's reader, which is asked only where something is wrong
_MAGIC = {
    b"PK\x03\x04": "a zip archive or an Excel file",
    b"\xd0\xcf\x11\xe0": "an Excel file of the old kind",
    b"PAR1": "Parquet",
    b"\x1f\x8b": "packed by gzip, and has no .gz in its name",
    b"%PDF": "a PDF document",
    b"BZh": "packed by bzip2, which is not read",
    b"\x28\xb5\x2f\xfd": "packed by zstd, which is not read",
    b"\xfd7zXZ": "packed by xz, which is not read",
}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_START = 4096  # bytes in which a file shows what it is
_LIKELY = (";", "\t", "|")
_VALUE = re.compile(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d+)?|\d{4}-\d{2}-\d{2}([T ].*)?")
_INTEGER = re.compile(r"[-+]?\d+")
_ENDS = b"\r\n"
_OPTIONS = {
    **dict.fromkeys(("delim", "sep", "delimiter"), "delimiter"),
    **{name: name for name in ("quote", "escape", "encoding", "skip", "header", "names", "thousands", "dateformat")},
    "timestampformat": "timestampformat",
    "decimal_separator": "decimal",
}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a source writes CSV. `names` are the columns of files that have no `header`, or take the place of it; whether there is
    one is looked at where `header` is None. `formats` are DuckDB's."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    encoding: str = "utf-8"
    skip: int = 0
    header: bool | None = None
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
class Heading:
    """The columns of a file, and how many of its lines stand before the first row."""

    names: tuple[str, ...]
    lines: int


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
    signs = {name: sign for name in ("delimiter", "quote", "decimal", "thousands") if (sign := getattr(dialect, name))}
    doubled = [name for name, sign in signs.items() if list(signs.values()).count(sign) > 1]
    if doubled:
        raise BadConfig(f"Options {' and '.join(doubled)} of CSV are the same sign, {signs[doubled[0]]!r}.")
    if not isinstance(dialect.header, bool | None) or not isinstance(dialect.skip, int) or dialect.skip < 0:
        raise BadConfig("Of the options of CSV, header is true or false and skip a number of lines.")
    if dialect.header is False and not dialect.names:
        raise BadConfig("A CSV source without a header needs the names of its columns: options: {header: false, names: [...]}.")
    try:
        "".encode(dialect.encoding)
    except LookupError as error:
        raise BadConfig(
            f"Option encoding of CSV is {dialect.encoding!r}, which is not known. Try utf-8, latin-1 or utf-16."
        ) from error
    return dialect


def headings(source: str, files: Sequence[Member], dialect: Dialect) -> dict[str, Heading]:
    """The heading of each file that has any line, by the file's name. Raises BadData where a column could not be kept under its
    own name, or files do not have the same."""
    found: dict[str, Heading] = {}
    for member in files:
        heading = _heading(source, member, dialect)
        if heading is not None:
            _check_names(source, member.name, heading)
            found[member.name] = heading
    first = next(iter(found), None)
    for name, heading in found.items():
        if first is not None and set(heading.names) != set(found[first].names):
            raise BadData(_unlike(source, first, found[first].names, name, heading.names))
    return found


def _heading(source: str, member: Member, dialect: Dialect) -> Heading | None:
    with member.path.open("rb") as file:
        start = file.read(_START)
    _check_kind(source, member, start, dialect)
    if dialect.header is False:
        return Heading(dialect.names, dialect.skip) if start.strip(_ENDS) else None
    with _opened(member.path, dialect) as lines:
        records = _records(lines, dialect)
        try:
            names = next((tuple(record) for record in records if record), None)  # empty lines may stand before the header
        except UnicodeDecodeError as error:
            raise _undecodable(source, member, dialect) from error
        except csv.Error as error:
            raise BadData(f"Source '{source}' ({member.name}, line 1) cannot be read as CSV: {error}.") from error
        if names is None:
            return None
        _check_header(source, member, names, dialect)
        return Heading(dialect.names or names, dialect.skip + records.line_num)


def _check_kind(source: str, member: Member, start: bytes, dialect: Dialect) -> None:
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            raise BadData(f"Source '{source}' ({member.name}) is no CSV: this is {kind}. Correct the source's `format`.")
    if dialect.encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32", "utf16", "utf32")):
        return
    if start.startswith(_UTF16):
        raise BadData(f"Source '{source}' ({member.name}) is UTF-16. Set the source's options: {{encoding: utf-16}}.")
    if b"\0" in start:
        raise BadData(
            f"Source '{source}' ({member.name}, line {start[: start.index(0)].count(10) + 1}) holds a zero byte, which text does "
            "not. Where the file is UTF-16, set the source's options: {encoding: utf-16-le}."
        )


def _check_header(source: str, member: Member, names: tuple[str, ...], dialect: Dialect) -> None:
    """A first line that is a row would be lost, and the columns named after its values."""
    where = f"Source '{source}' ({member.name})"
    if names[0].lower().startswith("sep=") and not any(names[1:]):
        raise BadData(
            f"{where} begins with a line for Excel, '{names[0]}'. Set the source's options: {{skip: 1}}, and its delim."
        )
    if dialect.names and len(dialect.names) != len(names):
        raise BadData(f"{where}: {len(names)} columns stand in the header, {len(dialect.names)} in the source's option `names`.")
    if dialect.header is not None or dialect.names:
        return
    value = next((name for name in names if _VALUE.fullmatch(name)), None)
    if value is None and all(_INTEGER.fullmatch(name) for name in names):
        value = names[0]
    if value is not None:
        raise BadData(
            f"{where} seems to have no header: '{value}' stands in its first line. Set the source's options: {{header: false, "
            "names: [...]}, or {header: true} if that is the name of a column."
        )


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


def _check_names(source: str, file: str, heading: Heading) -> None:
    names, where = heading.names, f"Source '{source}' ({file}, line {max(heading.lines, 1)})"
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
    lacking, more = [name for name in columns if name not in others], [name for name in others if name not in columns]
    looks = shown(lacking, more)
    said = [f"lacks {', '.join(looks(name) for name in lacking)}"] * bool(lacking)
    said += [f"has {', '.join(looks(name) for name in more)} besides"] * bool(more)
    return (
        f"Source '{source}': {other} {' and '.join(said)}, unlike {first}. All files of a source have the same columns; make two "
        "sources of them, or add what is missing."
    )


def shown(names: Iterable[str], others: Iterable[str]) -> Callable[[str], str]:
    """How to write names of both: those that look the same and are not, by the numbers of their signs."""
    alike = {_looks(name) for name in names} & {_looks(name) for name in others}
    return lambda name: ascii(name) if _looks(name) in alike else f"'{name}'"


def _looks(name: str) -> str:
    visible = "".join(sign for sign in name if unicodedata.category(sign) != "Cf")  # marks of order, joiners, a BOM
    return " ".join(unicodedata.normalize("NFKC", visible).split()).casefold()


def read_texts(source: str, member: Member, heading: Heading, dialect: Dialect) -> Iterator[Any]:
    """The file's rows as Arrow tables of strings, dictionary-encoded. Raises BadData with the line that cannot be read."""
    import pyarrow as pa

    with TemporaryDirectory(prefix="sagelens-csv-") as folder:
        path = _as_utf8(source, member, dialect, Path(folder))
        _check_signs(source, member, path, dialect)
        try:
            yield from _parsed(path, heading, dialect)
        except pa.ArrowInvalid as error:
            raise _unreadable(source, member, heading, dialect, error) from error


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


def _parsed(path: Path, heading: Heading, dialect: Dialect) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = heading.names
    kind = pa.dictionary(pa.int32(), pa.string())
    options = {
        "read_options": arrow_csv.ReadOptions(column_names=list(names), skip_rows=heading.lines, block_size=_BLOCK),
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
        yield _whole(path, options).unify_dictionaries()
        return
    with arrow_csv.open_csv(path, **options) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _whole(path: Path, options: Mapping[str, Any]) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    try:
        return arrow_csv.read_csv(path, **options)
    except pa.ArrowInvalid as error:
        if "straddl" not in str(error):
            raise
    options["read_options"].block_size = _WHOLE  # a row is longer than a block
    return arrow_csv.read_csv(path, **options)


def _check_signs(source: str, member: Member, path: Path, dialect: Dialect) -> None:
    """Quotes that stand where none may would take rows into one value, or text out of one: the reader that is fast does not mind
    them. Where one looks so, Python's reader, which is slower and strict, tells."""
    doubt = False
    before, inside = b"\n", False
    with path.open("rb") as file:
        piece, line = file.read(_BLOCK), 1
        while piece:
            after = file.read(_BLOCK)
            if 0 in piece:
                place = line + piece[: piece.index(0)].count(10)
                raise BadData(
                    f"Source '{source}' ({member.name}, line {place}) holds a zero byte, which text does not. Was the file cut, "
                    "or is its encoding another one? Set the source's options: {encoding: ...}."
                )
            if dialect.quote and not doubt:
                doubt, inside = _odd_quotes(before, piece, after[:1], dialect, inside)
            before, line, piece = piece[-1:], line + piece.count(10), after
    if doubt or inside:
        _check_quotes(source, member, path, dialect)


def _odd_quotes(before: bytes, piece: bytes, after: bytes, dialect: Dialect, inside: bool) -> tuple[bool, bool]:
    """Whether a quote does not open or end a value; and whether the piece ends within one. `inside`: it begins within one."""
    import numpy as np

    quote = dialect.quote.encode()
    if quote not in piece:
        return False, inside
    if dialect.escape and dialect.escape != dialect.quote:
        return True, inside
    signs = np.frombuffer(before + piece + (after or b"\n"), np.uint8)
    places = np.flatnonzero(signs[1:-1] == quote[0]) + 1
    edges = np.frombuffer(quote + dialect.delimiter.encode() + _ENDS, np.uint8)
    opening, closing = (places[1::2], places[::2]) if inside else (places[::2], places[1::2])
    wrong = not (np.isin(signs[opening - 1], edges).all() and np.isin(signs[closing + 1], edges).all())
    return wrong, inside ^ bool(len(places) % 2)


def _check_quotes(source: str, member: Member, path: Path, dialect: Dialect) -> None:
    line = 1 + dialect.skip
    with _opened(path, replace(dialect, encoding="utf-8")) as lines:
        records = _records(lines, dialect)
        try:
            for _ in records:
                line = 1 + dialect.skip + records.line_num
        except csv.Error as error:
            raise BadData(
                f"Source '{source}' ({member.name}, the row that begins in line {line}) cannot be read as CSV: {error}. A quote "
                "may be open, or stand within a value without being doubled. Correct it; or, where quotes mean nothing, set the "
                "source's options: {quote: ''}."
            ) from error


def _numbered(lines: io.TextIOWrapper, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Records, each with the line of the file on which it begins."""
    records = _records(lines, dialect)
    line = 1 + dialect.skip
    for record in records:
        yield line, record
        line = 1 + dialect.skip + records.line_num


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


def _unreadable(source: str, member: Member, heading: Heading, dialect: Dialect, error: Exception) -> BadData:
    """What Arrow says of a file, with the line."""
    if "UTF8" in str(error):
        return _undecodable(source, member, dialect)
    try:
        with _opened(member.path, dialect) as lines:
            for line, values in _numbered(lines, dialect):
                if values and line > heading.lines and len(values) != len(heading.names):
                    return BadData(
                        f"Source '{source}' ({member.name}, line {line}) cannot be read as csv: {len(values)} values where the "
                        f"header has {len(heading.names)} columns."
                    )
    except (csv.Error, UnicodeDecodeError) as said:
        return BadData(f"Source '{source}' ({member.name}) cannot be read as csv: {said}.")
    return BadData(f"Source '{source}' ({member.name}) cannot be read as csv: {str(error).partition(chr(10))[0].rstrip('.')}.")


def locate(files: Sequence[Member], found: Mapping[str, Heading], dialect: Dialect, column: str, value: str) -> Place | None:
    """The first line on which a column has this value."""
    for member in files:
        heading = found.get(member.name)
        if heading is None:
            continue
        index = heading.names.index(column)
        with _opened(member.path, dialect) as lines:
            try:
                for line, values in _numbered(lines, dialect):
                    if line > heading.lines and len(values) > index and values[index] == value:
                        return Place(member.name, line)
            except (csv.Error, UnicodeDecodeError):
                continue
    return None
