"""Metric math: an expression becomes a tree; what is not offered is refused by its name.

sum     = product (("+" | "-") product)*        comparison = sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)*
product = factor (("*" | "/") factor)*          factor = "-" factor | number | id | NAME "(" … ")" | "[" … "]" | "(" … ")"
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from sagelens.local.ports import ApiError

__all__ = ["FUNCTIONS", "Array", "Binary", "Call", "Id", "Metrics", "Negative", "Node", "Number", "Word", "parse"]

FUNCTIONS = {"IF": (2, 3), "FILL": (2, 2), "SUM": (1, 1), "AVG": (1, 1), "MIN": (1, 1), "MAX": (1, 1)}
"""The functions that are offered, METRICS beside them, with the least and the most arguments."""

_WORDS = ("REPEAT",)
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_DEEPEST = 50
_TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z_]\w*)|(<=|>=|==|!=|&&|\|\||[-+*/()<>,\[\]^])|(['\"])(.*?)\4)"
)


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Id:
    """The result of another query."""

    name: str


@dataclass(frozen=True)
class Word:
    """An argument that is a word, such as FILL's REPEAT."""

    name: str


@dataclass(frozen=True)
class Metrics:
    """METRICS(): every metric of the request whose id contains `part`."""

    part: str = ""


@dataclass(frozen=True)
class Array:
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Negative:
    inner: Node


@dataclass(frozen=True)
class Binary:
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple[Node, ...]


Node = Number | Id | Word | Metrics | Array | Negative | Binary | Call


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int


def parse(text: str) -> Node:
    """The tree of an expression; ApiError ValidationError says what is wrong or not offered, and where."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._read(text)
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._comparison()
        if self._peek.kind != "end":
            raise self._unexpected()
        return node

    def _read(self, text: str) -> list[_Token]:
        tokens, place = [], 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None:
                raise self._error(f"'{text[place:].strip()[:1]}' is not part of metric math", place)
            number, name, sign, quote, string = match.groups()
            kind = "number" if number else "name" if name else "sign" if sign else "string"
            tokens.append(_Token(kind, string if quote else number or name or sign, place))
            place = match.end()
        return [*tokens, _Token("end", "the end", len(text))]

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek
        self._next += 1
        return token

    def _accept(self, *signs: str) -> str:
        """The sign that comes next, taken, if it is one of these; otherwise nothing."""
        return self._take().text if self._peek.kind == "sign" and self._peek.text in signs else ""

    def _expect(self, sign: str) -> None:
        if not self._accept(sign):
            raise self._unexpected(f"'{sign}'")

    def _comparison(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"it is nested more than {_DEEPEST} deep", self._peek.place)
        node = self._sum()
        while operator := self._accept(*_COMPARISONS):
            node = Binary(operator, node, self._sum())
        self._depth -= 1
        return node

    def _sum(self) -> Node:
        node = self._product()
        while operator := self._accept("+", "-"):
            node = Binary(operator, node, self._product())
        return node

    def _product(self) -> Node:
        node = self._factor()
        while operator := self._accept("*", "/"):
            node = Binary(operator, node, self._factor())
        return node

    def _factor(self) -> Node:
        signs = 0
        while self._accept("-"):
            signs += 1
        node = self._atom()
        return Negative(node) if signs % 2 else node

    def _atom(self) -> Node:
        if self._accept("("):
            node = self._comparison()
            self._expect(")")
            return node
        if self._accept("["):
            return Array(self._arguments("]"))
        token = self._take()
        if token.kind == "number":
            if not math.isfinite(float(token.text)):
                raise self._error(f"{token.text[:20]}… is beyond all numbers", token.place)
            return Number(float(token.text))
        if token.kind != "name":
            self._next -= 1
            raise self._unexpected("a number, an id or a function")
        if self._accept("("):
            return self._call(token)
        if token.text in _WORDS:
            return Word(token.text)
        if token.text[:1].islower():
            return Id(token.text)
        raise self._not_offered(token)

    def _call(self, name: _Token) -> Node:
        if name.text == "METRICS":
            part = self._take().text if self._peek.kind == "string" else ""
            self._expect(")")
            return Metrics(part)
        if name.text not in FUNCTIONS:
            raise self._not_offered(name)
        arguments = self._arguments(")")
        least, most = FUNCTIONS[name.text]
        if not least <= len(arguments) <= most:
            takes = f"{least}" if least == most else f"{least} to {most}"
            raise self._error(f"{name.text} takes {takes} arguments, not {len(arguments)}", name.place)
        return Call(name.text, arguments)

    def _arguments(self, closing: str) -> tuple[Node, ...]:
        arguments = [self._comparison()]
        while self._accept(","):
            arguments.append(self._comparison())
        self._expect(closing)
        return tuple(arguments)

    def _not_offered(self, token: _Token) -> ApiError:
        offered = ", ".join([*FUNCTIONS, "METRICS"])
        return self._error(
            f"{token.text} is not offered by the local SageMaker; offered are {offered}, + - * / and comparisons", token.place
        )

    def _unexpected(self, wanted: str = "an operator or the end") -> ApiError:
        token = self._peek
        if token.text in {"&&", "||", "^"}:
            return self._not_offered(token)
        return self._error(f"{wanted} is expected, not '{token.text}'", token.place)

    def _error(self, problem: str, place: int) -> ApiError:
        return ApiError("ValidationError", f"Error in expression '{self._text}', at character {place + 1}: {problem}.")
