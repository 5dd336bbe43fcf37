"""Whether a policy allows a request, as IAM decides it for as much of the language as we use, and what it allows for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Need", "allows", "missing", "unexplained"]


@dataclass(frozen=True, kw_only=True)
class Need:
    """A request that somebody makes under a role. `source` is the module that makes it, or where AWS documents it."""

    role: str
    action: str
    resource: str
    source: str
    context: Mapping[str, str] = field(default_factory=dict)


def missing(needs: Iterable[Need], policies: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Need]:
    """The needs that the policies of their role do not meet."""
    return [need for need in needs if not any(allows(statement, need) for statement in policies.get(need.role, ()))]


def unexplained(needs: Iterable[Need], policies: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[tuple[str, str, str]]:
    """Role, action and resource of what is allowed although no need is met by it."""
    known = list(needs)
    return [
        (role, action, resource)
        for role, statements in policies.items()
        for statement in statements
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
        if not _used({**statement, "Action": action, "Resource": resource}, role, known)
    ]


def _used(statement: Mapping[str, Any], role: str, needs: Iterable[Need]) -> bool:
    return any(need.role == role and allows(statement, need) for need in needs)


def allows(statement: Mapping[str, Any], need: Need) -> bool:
    if statement["Effect"] != "Allow":
        raise ValueError(f"Only what is allowed is evaluated, not {statement['Effect']}.")
    return (
        any(_matches(pattern, need.action) for pattern in _listed(statement["Action"]))
        and any(_matches(pattern, need.resource) for pattern in _listed(statement["Resource"]))
        and all(_holds(operator, keys, need.context) for operator, keys in statement.get("Condition", {}).items())
    )


def _holds(operator: str, keys: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    if operator in {"StringEquals", "Bool"}:
        return all(context.get(key, "") in {_text(value) for value in _listed(values)} for key, values in keys.items())
    if operator == "StringLike":
        return all(any(_matches(value, context.get(key, "")) for value in _listed(values)) for key, values in keys.items())
    if operator == "Null":
        return all((key not in context) == (_text(value) == "true") for key, value in keys.items())
    raise ValueError(f"Condition operator {operator} is not evaluated. Known: Bool, Null, StringEquals, StringLike.")


def _matches(pattern: str, value: str) -> bool:
    translated = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(translated, value) is not None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
