"""A statement of a policy. One that has a wildcard says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Condition", "Grant", "Reason"]

Condition = Mapping[str, Mapping[str, str | tuple[str, ...]]]


@dataclass(frozen=True)
class Reason:
    """Why a wildcard is as narrow as it can be."""

    text: str

    def __post_init__(self) -> None:
        if len(self.text.split()) < 4:
            raise ValueError(f"{self.text!r} is no reason. Write a sentence that a reviewer can judge.")


@dataclass(frozen=True, kw_only=True)
class Grant:
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Condition = field(default_factory=dict)
    wide: Reason | None = None

    def __post_init__(self) -> None:
        if not self.actions or not self.resources:
            raise ValueError("A grant names at least one action and one resource.")
        if any("*" in action for action in self.actions):
            raise ValueError(f"{', '.join(self.actions)}: no role needs a wildcard among its actions; name each.")
        if self.has_wildcard and self.wide is None:
            raise ValueError(f"{', '.join(self.actions)} on {', '.join(self.resources)} has a wildcard; give `wide` a Reason.")
        if self.wide is not None and not self.has_wildcard:
            raise ValueError(f"{', '.join(self.actions)} has no wildcard to give a reason for.")

    @property
    def has_wildcard(self) -> bool:
        return any("*" in resource for resource in self.resources)

    def statement(self) -> dict[str, Any]:
        """As IAM writes it."""
        made: dict[str, Any] = {"Effect": "Allow", "Action": list(self.actions), "Resource": list(self.resources)}
        if self.conditions:
            made["Condition"] = {
                operator: {key: list(value) if isinstance(value, tuple) else value for key, value in keys.items()}
                for operator, keys in self.conditions.items()
            }
        return made
