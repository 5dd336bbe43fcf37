"""The rule of a composite alarm.

rule = conjunction ("OR" conjunction)*      conjunction = factor ("AND" factor)*
factor = "NOT" factor | "(" rule ")" | "TRUE" | "FALSE" | STATE "(" name or ARN of an alarm, with or without quotes ")"
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sagelens.local.metrics.condition import ALARM, INSUFFICIENT_DATA, OK
from sagelens.local.ports import ApiError

__all__ = ["Rule", "parse_rule"]

_MOST_ALARMS = 100
_DEEPEST = 50
_STATES = (ALARM, OK, INSUFFICIENT_DATA)
_TOKEN = re.compile(
    r"\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"(?P<double>[^\"]+)\"|'(?P<single>[^']+)'|(?P<bare>[^\s()'\"]+))\s*\)"
    r"|(?P<word>(?:AND|OR|NOT|TRUE|FALSE)(?!\w)|[()]))"
)

_ARN = re.compile(r"^arn:[\w-]+:cloudwatch:[^:]*:[^:]*:alarm:")

StateOf = Callable[[str], str]
"""The state of the alarm of that name."""


@dataclass(frozen=True)
class _Is:
    alarm: str
    state: str


@dataclass(frozen=True)
class _Constant:
    value: bool


@dataclass(frozen=True)
class _Not:
    inner: _Node


@dataclass(frozen=True)
class _All:
    parts: tuple[_Node, ...]


@dataclass(frozen=True)
class _Any:
    parts: tuple[_Node, ...]


_Node = _Is | _Constant | _Not | _All | _Any


@dataclass(frozen=True)
class Rule:
    """`alarms` are the names of those that it depends on, in the order in which they are mentioned."""

    tree: _Node
    alarms: tuple[str, ...]

    def holds(self, state_of: StateOf) -> bool:
        """Whether the composite alarm is in ALARM, given the states of the others."""
        return _holds(self.tree, state_of)


def parse_rule(text: str) -> Rule:
    """ApiError ValidationError says what cannot be read, and where."""
    parser = _Parser(text)
    tree = parser.whole()
    alarms = tuple(dict.fromkeys(parser.alarms))
    if len(alarms) > _MOST_ALARMS:
        raise ApiError("ValidationError", f"AlarmRule depends on {len(alarms)} alarms; at most {_MOST_ALARMS} are allowed.")
    return Rule(tree, alarms)


def _holds(node: _Node, state_of: StateOf) -> bool:
    match node:
        case _Constant(value):
            return value
        case _Is(alarm, state):
            return state_of(alarm) == state
        case _Not(inner):
            return not _holds(inner, state_of)
        case _All(parts):
            return all(_holds(part, state_of) for part in parts)
        case _Any(parts):
            return any(_holds(part, state_of) for part in parts)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._depth = 0
        self.alarms: list[str] = []

    def whole(self) -> _Node:
        node = self._rule()
        if self._text[self._place :].strip():
            raise self._error("AND, OR or the end is expected")
        return node

    def _rule(self) -> _Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"it is nested more than {_DEEPEST} deep")
        parts = [self._conjunction()]
        while self._accept("OR"):
            parts.append(self._conjunction())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else _Any(tuple(parts))

    def _conjunction(self) -> _Node:
        parts = [self._factor()]
        while self._accept("AND"):
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else _All(tuple(parts))

    def _factor(self) -> _Node:
        negated = False
        while self._accept("NOT"):
            negated = not negated
        node = self._atom()
        return _Not(node) if negated else node

    def _atom(self) -> _Node:
        if self._accept("("):
            node = self._rule()
            if not self._accept(")"):
                raise self._error("')' is expected")
            return node
        match = _TOKEN.match(self._text, self._place)
        if match is None or (match["state"] is None and match["word"] not in {"TRUE", "FALSE"}):
            raise self._error(f"TRUE, FALSE, NOT, '(' or one of {', '.join(f'{state}(name)' for state in _STATES)} is expected")
        self._place = match.end()
        if match["word"]:
            return _Constant(match["word"] == "TRUE")
        alarm = _ARN.sub("", match["double"] or match["single"] or match["bare"])
        self.alarms.append(alarm)
        return _Is(alarm, match["state"])

    def _accept(self, word: str) -> bool:
        match = _TOKEN.match(self._text, self._place)
        if match is None or match["word"] != word:
            return False
        self._place = match.end()
        return True

    def _error(self, problem: str) -> ApiError:
        return ApiError("ValidationError", f"Error in AlarmRule '{self._text}', at character {self._place + 1}: {problem}.")
