"""CBOR (RFC 8949), as far as AWS's protocol uses it: numbers, strings, arrays, maps, true, false, null and times (tag 1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sagelens.local.api.documents import MOST_ITEMS

__all__ = ["Moment", "decode", "encode"]

_INDEFINITE = 31
_BREAK = 0xFF
_EPOCH_SECONDS = 1
_DEEPEST = 64
_SIZES = {24: ">B", 25: ">H", 26: ">I", 27: ">Q"}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_SIMPLE: dict[int, bool | None] = {20: False, 21: True, 22: None, 23: None}


@dataclass(frozen=True)
class Moment:
    """Seconds since the epoch, written with tag 1."""

    seconds: float


def encode(value: Any) -> bytes:
    """TypeError for a value that CBOR, as used here, cannot carry. Dictionaries have strings as keys."""
    into = bytearray()
    _write(into, value)
    return bytes(into)


def decode(data: bytes) -> Any:
    """The one data item that `data` holds; times are floats. ValueError says what is wrong, and at which byte."""
    reader = _Reader(data)
    value = reader.item(0)
    if reader.position != len(data):
        raise ValueError(f"{len(data) - reader.position} bytes follow the data item")
    return value


def _write(into: bytearray, value: Any) -> None:
    match value:
        case None | bool():
            into.append(0xF6 if value is None else 0xF4 + value)
        case int():
            _write_head(into, 0 if value >= 0 else 1, value if value >= 0 else -1 - value)
        case float():
            into += b"\xfb" + struct.pack(">d", value)
        case bytes() | str():
            raw = value.encode("utf-8", "replace") if isinstance(value, str) else value
            _write_head(into, 3 if isinstance(value, str) else 2, len(raw))
            into += raw
        case list() | tuple():
            _write_head(into, 4, len(value))
            for item in value:
                _write(into, item)
        case dict():
            _write_head(into, 5, len(value))
            for item in chain.from_iterable(value.items()):
                _write(into, item)
        case Moment():
            _write_head(into, 6, _EPOCH_SECONDS)
            _write(into, float(value.seconds))
        case _:
            raise TypeError(f"{type(value).__name__} has no form in CBOR")


def _write_head(into: bytearray, major: int, number: int) -> None:
    if number < 24:
        into.append(major << 5 | number)
        return
    for information, layout in _SIZES.items():
        if number < 1 << 8 * struct.calcsize(layout):
            into.append(major << 5 | information)
            into += struct.pack(layout, number)
            return
    raise TypeError(f"{number} does not fit into 64 bits")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._items = 0
        self.position = 0

    def item(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError(f"at byte {self.position}: nested more than {_DEEPEST} deep")
        self._count()
        start = self.position
        (head,) = self._take(1)
        major, information = head >> 5, head & 0x1F
        match major:
            case 0 | 1:
                number = self._number(information)
                return -1 - number if major else number
            case 2 | 3:
                return self._string(major, information)
            case 4:
                return self._array(information, depth)
            case 5:
                return self._map(information, depth)
        return self._tagged(start, information, depth) if major == 6 else self._simple(start, information)

    def _count(self) -> None:
        """One item more; parts of strings are items, too."""
        self._items += 1
        if self._items > MOST_ITEMS:
            raise ValueError(f"at byte {self.position}: more than {MOST_ITEMS} items")

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self._data):
            raise ValueError(f"at byte {self.position}: {count} bytes are announced, {len(self._data) - self.position} are left")
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def _number(self, information: int) -> int:
        if information < 24:
            return information
        layout = _SIZES.get(information)
        if layout is None:
            raise ValueError(f"at byte {self.position - 1}: no length of a number")
        (number,) = struct.unpack(layout, self._take(struct.calcsize(layout)))
        return int(number)

    def _string(self, major: int, information: int) -> bytes | str:
        if information != _INDEFINITE:
            raw = self._take(self._number(information))
        else:
            parts = []
            while not self._broken():
                self._count()
                (head,) = self._take(1)
                if head >> 5 != major or head & 0x1F == _INDEFINITE:
                    raise ValueError(f"at byte {self.position - 1}: not a part of a string")
                parts.append(self._take(self._number(head & 0x1F)))
            raw = b"".join(parts)
        return raw.decode() if major == 3 else raw

    def _array(self, information: int, depth: int) -> list[Any]:
        if information != _INDEFINITE:
            return [self.item(depth + 1) for _ in range(self._number(information))]
        items = []
        while not self._broken():
            items.append(self.item(depth + 1))
        return items

    def _map(self, information: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        left = None if information == _INDEFINITE else self._number(information)
        while not self._broken() if left is None else left > 0:
            left = None if left is None else left - 1
            key = self.item(depth + 1)
            if not isinstance(key, str):
                raise ValueError(f"before byte {self.position}: the key of a map is not a string")  # noqa: TRY004  bad data
            found[key] = self.item(depth + 1)
        return found

    def _tagged(self, start: int, information: int, depth: int) -> float:
        tag, value = self._number(information), self.item(depth + 1)
        if tag != _EPOCH_SECONDS or isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"at byte {start}: tag {tag} on a {type(value).__name__}; known is tag 1, a time, on a number")
        return float(value)

    def _simple(self, start: int, information: int) -> bool | float | None:
        if information in _SIMPLE:
            return _SIMPLE[information]
        layout = _FLOATS.get(information)
        if layout is None:
            raise ValueError(f"at byte {start}: neither true, false, null nor a number")
        (number,) = struct.unpack(layout, self._take(struct.calcsize(layout)))
        return float(number)

    def _broken(self) -> bool:
        """Whether an indefinite item ends here; its end is then behind."""
        if self.position < len(self._data) and self._data[self.position] == _BREAK:
            self.position += 1
            return True
        return False
