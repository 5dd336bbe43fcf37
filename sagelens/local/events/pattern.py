"""Event patterns: which events a rule is for."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from typing import Any

from sagelens.local.events.strict import json_object

__all__ = ["BadPattern", "Pattern", "parse_pattern"]

Test = Callable[[Any], bool]
"""Whether one value of a field fits."""
_Key = tuple[bool, Any]

_LARGEST = 5_000_000_000  # EventBridge compares numbers up to there
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}
_LOWER, _UPPER = {">", ">="}, {"<", "<="}


class BadPattern(ValueError):
    """What is wrong in a pattern, and where."""


class Pattern:
    """Every field that a pattern names has to fit, one of the alternatives of each `$or` too."""

    def __init__(self, fields: Mapping[str, Field | Pattern], either: Sequence[Pattern] = ()) -> None:
        self._fields = fields
        self._either = either

    def matches(self, event: Mapping[str, Any]) -> bool:
        return all(part.fits(event.get(name, _ABSENT)) for name, part in self._fields.items()) and (
            not self._either or any(pattern.matches(event) for pattern in self._either)
        )

    def fits(self, value: Any) -> bool:
        """A list fits when one of the objects in it does. What is not there fits a pattern that asks for absence only."""
        objects = [one for one in _flat(value) if isinstance(one, dict)]
        return any(self.matches(one) for one in objects) if objects else self.matches({})


class Field:
    """The values that a field may have: those in `exact`, and those that a test takes. `absent` is whether it may be missing,
    `present` whether any value will do."""

    def __init__(self, exact: Set[_Key], tests: Sequence[Test], *, absent: bool = False, present: bool = False) -> None:
        self._exact = exact
        self._tests = tests
        self._absent = absent
        self._present = present

    def fits(self, value: Any) -> bool:
        """Of a list one element has to fit. An object, or a list without values, is no value."""
        values = [] if value is _ABSENT else [one for one in _flat(value) if not isinstance(one, dict)]
        if not values:
            return self._absent
        return self._present or any(_key(one) in self._exact or any(test(one) for test in self._tests) for one in values)


_ABSENT = object()


def _flat(value: Any) -> Iterator[Any]:
    """What is in a list, and in the lists in it; the value itself if it is no list."""
    if isinstance(value, list):
        for one in value:
            yield from _flat(one)
    else:
        yield value


def _key(value: Any) -> _Key:
    """Equal for values that are equal: numbers are by their value, 300 and 3.0e2; true is no number."""
    return isinstance(value, bool), value


def parse_pattern(text: str) -> Pattern:
    """Raises BadPattern."""
    try:
        raw = json_object(text)
    except ValueError as error:
        raise BadPattern(f"Event pattern is not valid. Reason: {error}") from error
    return _pattern(raw, "")


def _pattern(raw: object, where: str) -> Pattern:
    if not isinstance(raw, dict) or not raw:
        raise _bad(where, "an object with at least one field is due")
    either = raw["$or"] if isinstance(raw.get("$or"), list) else None  # an object is a field that is called so
    named = {name: value for name, value in raw.items() if name != "$or" or either is None}
    fields = {name: _part(value, f"{where}.{name}".lstrip(".")) for name, value in named.items()}
    return Pattern(fields, () if either is None else _either(either, where))


def _either(raw: list[Any], where: str) -> list[Pattern]:
    if len(raw) < 2:
        raise _bad(where, "$or takes a list of two patterns at least")
    return [_pattern(item, f"{where}.$or[{number}]".lstrip(".")) for number, item in enumerate(raw)]


def _part(raw: object, where: str) -> Field | Pattern:
    if isinstance(raw, dict):
        return _pattern(raw, where)
    if not isinstance(raw, list) or not raw:
        raise _bad(where, f"{json.dumps(raw)} is no pattern; values stand in a list that is not empty")
    exists = [item["exists"] for item in raw if _is_exists(item)]
    if any(not isinstance(value, bool) for value in exists):
        raise _bad(where, "exists takes true or false")
    exact = frozenset(_key(_checked(item, where)) for item in raw if not isinstance(item, dict))
    tests = [_test(item, where) for item in raw if isinstance(item, dict) and not _is_exists(item)]
    return Field(exact, tests, absent=False in exists, present=True in exists)


def _is_exists(item: object) -> bool:
    return isinstance(item, dict) and item.keys() == {"exists"}


def _checked(item: object, where: str) -> object:
    if isinstance(item, list):
        raise _bad(where, "a list in a list is no pattern")
    return item


def _test(item: Mapping[str, Any], where: str) -> Test:
    if len(item) != 1:
        raise _bad(where, f"{json.dumps(item)} has to have one key, the name of a comparison")
    ((name, given),) = item.items()
    made = _TESTS.get(name)
    if made is None:
        raise _bad(where, f"unrecognized match type {name}; known: {', '.join(sorted([*_TESTS, 'exists']))}")
    try:
        return made(given)
    except ValueError as error:
        raise _bad(where, f"{name} {error}") from error


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise ValueError(f"takes a text, not {json.dumps(given)}")  # noqa: TRY004  a value of a client, no type of ours
    return given


def _on_text(fits: Callable[[str], bool]) -> Test:
    return lambda value: isinstance(value, str) and fits(value)


@lru_cache(maxsize=16)  # a field's tests come to the same value one after the other
def _folded(text: str) -> str:
    """Sign by sign, as EventBridge compares them: `ß` is not `SS`."""
    return "".join(small if len(small := sign.lower()) == 1 else sign for sign in text)


def _affix(fits: Callable[[str, str], bool]) -> Callable[[object], Test]:
    """A prefix or a suffix: a text, or one whose case does not matter."""

    def made(given: object) -> Test:
        if isinstance(given, dict) and given.keys() == {"equals-ignore-case"}:
            folded = _folded(_text(given["equals-ignore-case"]))
            return _on_text(lambda value: fits(_folded(value), folded))
        wanted = _text(given)
        return _on_text(lambda value: fits(value, wanted))

    return made


def _ignoring_case(given: object) -> Test:
    folded = _folded(_text(given))
    return _on_text(lambda value: len(value) == len(folded) and _folded(value) == folded)


def _wildcard(given: object) -> Test:
    first, *rest = _parts_between(_text(given))
    return _on_text(lambda value: _matches_parts(value, first, rest))


def _parts_between(wanted: str) -> list[str]:
    r"""The texts before, between and after the asterisks; `\*` and `\\` stand for an asterisk and a backslash."""
    if not re.fullmatch(r"(?:[^\\]|\\[*\\])*", wanted, re.DOTALL):
        raise ValueError("takes a backslash before an asterisk or another backslash alone")
    marks = re.findall(r"\\?.", wanted, re.DOTALL)
    parts: list[list[str]] = [[]]
    for before, mark in zip(["", *marks], marks, strict=False):
        if before == mark == "*":
            raise ValueError("takes no two asterisks in a row")
        if mark == "*":
            parts.append([])
        else:
            parts[-1].append(mark[-1])
    return ["".join(part) for part in parts]


def _matches_parts(value: str, first: str, rest: Sequence[str]) -> bool:
    """In one pass: each part where it comes first, the last one at the end."""
    if not rest:
        return value == first
    *between, last = rest
    if not value.startswith(first) or len(value) < len(first) + len(last) or not value.endswith(last):
        return False
    place, end = len(first), len(value) - len(last)
    for part in between:
        found = value.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True


def _numeric(given: object) -> Test:
    if not isinstance(given, list) or len(given) not in {2, 4}:
        raise ValueError('takes one comparison or two, such as [">", 0, "<=", 5]')
    pairs = list(zip(given[::2], given[1::2], strict=True))
    for operator, bound in pairs:
        if not isinstance(operator, str) or operator not in _COMPARE:
            raise ValueError(f"knows no comparison {json.dumps(operator)}; known: {' '.join(_COMPARE)}")
        if not _is_number(bound) or abs(bound) > _LARGEST:
            raise ValueError(f"compares with numbers from -{_LARGEST:.0e} to {_LARGEST:.0e}, not {json.dumps(bound)}")
    if len(pairs) == 2 and not (pairs[0][0] in _LOWER and pairs[1][0] in _UPPER and pairs[0][1] < pairs[1][1]):
        raise ValueError("takes of two comparisons first > or >=, then < or <= with a larger number")
    return lambda value: (
        _is_number(value) and abs(value) <= _LARGEST and all(_COMPARE[operator](value, bound) for operator, bound in pairs)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cidr(given: object) -> Test:
    try:
        network = ipaddress.ip_network(_text(given), strict=False)
    except ValueError as error:
        raise ValueError(f"takes a range of addresses, not {json.dumps(given)}") from error

    return _on_text(lambda value: (address := _address(value)) is not None and address in network)


@lru_cache(maxsize=16)
def _address(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


def _anything_but(given: object) -> Test:
    """A value, or one of several, or such as begin, end or look so."""
    if isinstance(given, dict):
        return _not_such(given)
    many = given if isinstance(given, list) else [given]
    if not many:
        raise ValueError("takes a list that is not empty")
    if not (all(isinstance(one, str) for one in many) or all(_is_number(one) for one in many)):
        raise ValueError(f"takes texts alone, or numbers alone, not {json.dumps(given)}")
    refused = frozenset(_key(one) for one in many)
    return lambda value: _key(value) not in refused


def _not_such(given: Mapping[str, Any]) -> Test:
    if len(given) != 1 or next(iter(given)) not in _NEGATABLE:
        raise ValueError(f"takes values, or one of {', '.join(_NEGATABLE)}")
    ((name, inner),) = given.items()
    many = inner if isinstance(inner, list) else [inner]
    if not many or "" in many or any(isinstance(one, dict) for one in many):
        raise ValueError(f"takes with {name} a text that is not empty, or a list of such, not {json.dumps(inner)}")
    refused = [_TESTS[name](one) for one in many]
    return lambda value: not any(test(value) for test in refused)


_NEGATABLE = ("prefix", "suffix", "equals-ignore-case", "wildcard")
_TESTS: Mapping[str, Callable[[Any], Test]] = {
    "prefix": _affix(str.startswith),
    "suffix": _affix(str.endswith),
    "equals-ignore-case": _ignoring_case,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
}


def _bad(where: str, said: str) -> BadPattern:
    return BadPattern(f"Event pattern is not valid. Reason: at {where or 'the top'}: {said}")
