"""Event patterns: which events a rule is for."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sagelens.local.events.strict import json_object

__all__ = ["BadPattern", "Pattern", "parse_pattern"]

Test = Callable[[Any], bool]
"""Whether one value of a field fits."""

_LARGEST = 5_000_000_000  # EventBridge compares numbers up to there
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "!=": lambda value, bound: value != bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


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
        if isinstance(value, list):
            return any(self.matches(item) for item in value if isinstance(item, dict))
        return self.matches(value if isinstance(value, dict) else {})


class Field:
    """The values that a field may have. `absent` is whether it may be missing, `present` whether any value will do."""

    def __init__(self, tests: Sequence[Test], *, absent: bool = False, present: bool = False) -> None:
        self._tests = tests
        self._absent = absent
        self._present = present

    def fits(self, value: Any) -> bool:
        """Of a list one element has to fit."""
        if value is _ABSENT or isinstance(value, dict):
            return self._absent
        if self._present:
            return True
        values = value if isinstance(value, list) else [value]
        return any(test(one) for one in values for test in self._tests)


_ABSENT = object()


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
    fields = {name: _part(value, f"{where}.{name}".lstrip(".")) for name, value in raw.items() if name != "$or"}
    return Pattern(fields, _either(raw["$or"], where) if "$or" in raw else ())


def _either(raw: object, where: str) -> list[Pattern]:
    if not isinstance(raw, list) or len(raw) < 2:
        raise _bad(where, "$or takes a list of two patterns at least")
    return [_pattern(item, f"{where}.$or[{number}]".lstrip(".")) for number, item in enumerate(raw)]


def _part(raw: object, where: str) -> Field | Pattern:
    if isinstance(raw, dict):
        return _pattern(raw, where)
    if not isinstance(raw, list) or not raw:
        raise _bad(where, f"{json.dumps(raw)} is no pattern; values stand in a list that is not empty")
    exists = {item["exists"] for item in raw if isinstance(item, dict) and item.keys() == {"exists"}}
    if not exists <= {True, False} or any(not isinstance(value, bool) for value in exists):
        raise _bad(where, "exists takes true or false")
    tests = [_test(item, where) for item in raw if not (isinstance(item, dict) and item.keys() == {"exists"})]
    return Field(tests, absent=False in exists, present=True in exists)


def _test(item: object, where: str) -> Test:
    if isinstance(item, list):
        raise _bad(where, "a list in a list is no pattern")
    if not isinstance(item, dict):
        return _equal(item)
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


def _equal(wanted: object) -> Test:
    """Numbers are equal by their value, 300 and 3.0e2; true is no number."""

    def test(value: Any) -> bool:
        return isinstance(value, bool) is isinstance(wanted, bool) and bool(value == wanted)

    return test


def _text(given: object) -> str:
    if not isinstance(given, str) or not given:
        raise ValueError(f"takes a text that is not empty, not {json.dumps(given)}")
    return given


def _on_text(fits: Callable[[str], bool]) -> Test:
    return lambda value: isinstance(value, str) and fits(value)


def _affix(fits: Callable[[str, str], bool]) -> Callable[[object], Test]:
    """A prefix or a suffix: a text, or one whose case does not matter."""

    def made(given: object) -> Test:
        if isinstance(given, dict) and given.keys() == {"equals-ignore-case"}:
            folded = _text(given["equals-ignore-case"]).casefold()
            return _on_text(lambda value: fits(value.casefold(), folded))
        wanted = _text(given)
        return _on_text(lambda value: fits(value, wanted))

    return made


def _ignoring_case(given: object) -> Test:
    folded = _text(given).casefold()
    return _on_text(lambda value: value.casefold() == folded)


def _wildcard(given: object) -> Test:
    """An asterisk is any text; a backslash before an asterisk or a backslash takes it as it is."""
    first, *rest = _split_at_asterisks(_text(given))
    return _on_text(lambda value: _matches_parts(value, first, rest))


def _split_at_asterisks(wanted: str) -> list[str]:
    parts, literal = [""], False
    for place, sign in enumerate(wanted):
        if literal:
            if sign not in "*\\":
                raise ValueError("takes a backslash before an asterisk or a backslash alone")
            parts[-1] += sign
            literal = False
        elif sign == "\\":
            literal = True
        elif sign != "*":
            parts[-1] += sign
        elif wanted[place - 1 : place] == "*" and not parts[-1]:
            raise ValueError("takes no two asterisks in a row")
        else:
            parts.append("")
    if literal:
        raise ValueError("ends with a backslash")
    return parts


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
        if operator not in _COMPARE:
            raise ValueError(f"knows no comparison {json.dumps(operator)}; known: {' '.join(_COMPARE)}")
        if not _is_number(bound) or abs(bound) > _LARGEST:
            raise ValueError(f"compares with numbers from -{_LARGEST:.0e} to {_LARGEST:.0e}, not {json.dumps(bound)}")
    return lambda value: _is_number(value) and all(_COMPARE[operator](value, bound) for operator, bound in pairs)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cidr(given: object) -> Test:
    try:
        network = ipaddress.ip_network(_text(given), strict=False)
    except ValueError as error:
        raise ValueError(f"takes a range of addresses, not {json.dumps(given)}") from error

    def inside(value: str) -> bool:
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return _on_text(inside)


def _anything_but(given: object) -> Test:
    """A value, or one of several, or such as begin, end or look so."""
    if isinstance(given, dict):
        if len(given) != 1 or next(iter(given)) not in _NEGATABLE:
            raise ValueError(f"takes values, or one of {', '.join(_NEGATABLE)}")
        ((name, inner),) = given.items()
        many = inner if isinstance(inner, list) else [inner]
        refused = [_TESTS[name](one) for one in many]
    else:
        many = given if isinstance(given, list) else [given]
        if any(not isinstance(one, str) and not _is_number(one) for one in many):
            raise ValueError(f"takes texts and numbers, not {json.dumps(given)}")
        refused = [_equal(one) for one in many]
    if not refused:
        raise ValueError("takes a list that is not empty")
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
