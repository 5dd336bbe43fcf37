"""The rows that an expectation is limited to: `row_condition`, read without running it.

What is allowed is what pandas' `query` and Great Expectations' `col("x")` have in common: comparisons of columns and values,
`in`, `isnull()`, `notnull()`, `and`, `or`, `not`. A missing value equals nothing: every comparison with one is false but `!=`
and `not in`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Comparison", "Condition", "Junction", "Missing", "Name", "Negation", "columns_of", "read_condition"]


@dataclass(frozen=True)
class Name:
    """A column."""

    column: str


@dataclass(frozen=True)
class Comparison:
    """`operator` is =, <, <=, >, >= or in; `right` a column, a value, or a tuple of values for `in`."""

    left: Name
    operator: str
    right: Any


@dataclass(frozen=True)
class Missing:
    column: Name


@dataclass(frozen=True)
class Negation:
    condition: Condition


@dataclass(frozen=True)
class Junction:
    """`word` is AND or OR."""

    word: str
    conditions: tuple[Condition, ...]


Condition = Comparison | Missing | Negation | Junction

_ALLOWED = (
    'Allowed: comparisons of columns and values (x >= 3, `a b` == "c", x in [1, 2]), x.isnull(), x.notnull(), and, or, not, '
    "parentheses"
)
_OPERATORS: dict[type[ast.cmpop], str] = {ast.Eq: "=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NULL = frozenset({"isnull", "isna", "is_null"})
_NOT_NULL = frozenset({"notnull", "notna", "notNull", "is_not_null"})
# Text in quotes is left as it is; a name between backticks may be any column's.
_TOKEN = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|`([^`]+)`|(&&?)|(\|\|?)|(!(?!=)|~)|(\btrue\b)|(\bfalse\b)|(#)""")
_WORDS = {3: " and ", 4: " or ", 5: " not ", 6: "True", 7: "False"}


def read_condition(text: str) -> Condition:
    """The condition that the text says. Raises ValueError, which says what is wrong."""
    try:
        tree = ast.parse(_as_python(text).strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"It cannot be read: {error}. {_ALLOWED}") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in text and node.id != "col":
            raise ValueError(f"Python reads a name in it as `{node.id}`. Write the column between backticks")
    return _condition(tree.body)


def columns_of(condition: Condition) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_columns(condition)))


def _columns(condition: Condition) -> Iterator[str]:
    match condition:
        case Comparison(left, _, right):
            yield left.column
            if isinstance(right, Name):
                yield right.column
        case Missing(column):
            yield column.column
        case Negation(inner):
            yield from _columns(inner)
        case Junction(_, conditions):
            for one in conditions:
                yield from _columns(one)


def _as_python(text: str) -> str:
    """`&`, `|`, `~` bind looser than comparisons, as in pandas; a column in backticks is one in `col("")`."""

    def replaced(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        if match[2]:
            return f"col({match[2]!r})"
        if match[8]:
            raise ValueError("what follows # would not be read")
        return next(word for group, word in _WORDS.items() if match[group])

    return _TOKEN.sub(replaced, text)


def _condition(node: ast.expr) -> Condition:
    match node:
        case ast.BoolOp(op, values):
            return Junction("AND" if isinstance(op, ast.And) else "OR", tuple(_condition(value) for value in values))
        case ast.UnaryOp(ast.Not(), operand):
            return Negation(_condition(operand))
        case ast.Compare(left, operators, others):
            return _compared([left, *others], operators)
        case ast.Call(ast.Attribute(value, method), [], []) if method in _NULL | _NOT_NULL:
            missing = Missing(_name(value))
            return missing if method in _NULL else Negation(missing)
    raise ValueError(f"`{ast.unparse(node)}` is not understood. {_ALLOWED}")


def _compared(operands: list[ast.expr], operators: list[ast.cmpop]) -> Condition:
    """`1 < x <= 3` is two comparisons."""
    found = [_comparison(a, op, b) for a, op, b in zip(operands, operators, operands[1:], strict=False)]
    return found[0] if len(found) == 1 else Junction("AND", tuple(found))


def _comparison(left: ast.expr, op: ast.cmpop, right: ast.expr) -> Condition:
    if isinstance(op, ast.In | ast.NotIn):
        within = Comparison(_name(left), "in", _values(right))
        return within if isinstance(op, ast.In) else Negation(within)
    if isinstance(op, ast.NotEq):
        return Negation(_comparison(left, ast.Eq(), right))
    word = _OPERATORS.get(type(op))
    if word is None:
        raise ValueError(f"`{ast.unparse(left)} {type(op).__name__} {ast.unparse(right)}` is not understood. {_ALLOWED}")
    if _is_name(left):
        return Comparison(_name(left), word, _operand(right))
    return Comparison(_name(right), _MIRRORED[word], _operand(left))


def _operand(node: ast.expr) -> Any:
    return _name(node) if _is_name(node) else _value(node)


def _is_name(node: ast.expr) -> bool:
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "col"
    return isinstance(node, ast.Name) or called


def _name(node: ast.expr) -> Name:
    match node:
        case ast.Name(id_):
            return Name(id_)
        case ast.Call(ast.Name("col"), [ast.Constant(str(column))], []):
            return Name(column)
    raise ValueError(f"`{ast.unparse(node)}` is no column. {_ALLOWED}")


def _values(node: ast.expr) -> tuple[Any, ...]:
    if not isinstance(node, ast.List | ast.Tuple | ast.Set) or not node.elts:
        raise ValueError(f"`{ast.unparse(node)}` is no list of values. {_ALLOWED}")
    return tuple(_value(item) for item in node.elts)


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(str() | bool() | int() | float() as value):
            return value
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)) if not isinstance(value, bool):
            return -value
        case ast.UnaryOp(ast.UAdd(), ast.Constant(int() | float() as value)) if not isinstance(value, bool):
            return value
    raise ValueError(f"`{ast.unparse(node)}` is no value. {_ALLOWED}")
