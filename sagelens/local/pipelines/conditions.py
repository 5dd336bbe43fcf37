"""Conditions of a Condition step."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from sagelens.local.pipelines.invalid import Invalid

__all__ = ["check_condition", "evaluate"]

Resolve = Callable[[Any], Any]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
_FIELDS = {
    **dict.fromkeys(_COMPARE, ("LeftValue", "RightValue")),
    "In": ("QueryValue", "Values"),
    "Not": ("Condition",),
    "Or": ("Conditions",),
}


def check_condition(step: str, condition: object) -> None:
    """Refuse a condition of unknown form before anything runs."""
    kind = condition.get("Type") if isinstance(condition, dict) else None
    if kind not in _FIELDS:
        raise Invalid(f"Step '{step}' has the condition {condition!r}; its Type has to be one of: {', '.join(_FIELDS)}.")
    missing = [field for field in _FIELDS[kind] if field not in condition]  # type: ignore[operator]  # a dict, or kind were None
    if missing:
        raise Invalid(f"Step '{step}' has a condition {kind} without {', '.join(missing)}.")
    for field in ("Conditions", "Values"):
        if field in _FIELDS[kind] and not isinstance(condition[field], list):  # type: ignore[index]  # as above
            raise Invalid(f"Step '{step}' has a condition {kind} whose {field} are no list.")
    for item in _inner(condition):  # type: ignore[arg-type]  # as above
        check_condition(step, item)


def _inner(condition: Mapping[str, Any]) -> list[Any]:
    match condition["Type"]:
        case "Not":
            return [condition["Condition"]]
        case "Or":
            return list(condition["Conditions"])
        case _:
            return []


def evaluate(condition: Mapping[str, Any], resolve: Resolve) -> bool:
    """Whether the condition holds. Each part is evaluated, also when others have decided already.

    Raises Invalid, naming the two values, where they are of different types or one is no finite number.
    """
    match condition["Type"]:
        case "Not":
            return not evaluate(condition["Condition"], resolve)
        case "Or":
            found = [evaluate(item, resolve) for item in condition["Conditions"]]
            return any(found)
        case "In":
            wanted = resolve(condition["QueryValue"])
            found = [_same_type(wanted, value, "In") and wanted == value for value in map(resolve, condition["Values"])]
            return any(found)
        case kind:
            left, right = resolve(condition["LeftValue"]), resolve(condition["RightValue"])
            return _same_type(left, right, kind) and _COMPARE[kind](left, right)


def _same_type(left: object, right: object, kind: str) -> bool:
    if _family(left) != _family(right):
        raise Invalid(
            f"Condition {kind} compares {left!r} ({_family(left)}) with {right!r} ({_family(right)}). "
            "Both have to be of one type."
        )
    for value in (left, right):
        if _family(value) not in {"number", "text", "boolean"}:
            raise Invalid(f"Condition {kind} cannot compare {value!r} ({_family(value)}). It takes numbers, texts and booleans.")
        if isinstance(value, float) and not math.isfinite(value):
            raise Invalid(f"Condition {kind} compares {left!r} with {right!r}; {value!r} is no number that can be compared.")
    if kind not in {"Equals", "In"} and _family(left) not in {"number", "text"}:
        raise Invalid(f"Condition {kind} cannot order {left!r} ({_family(left)}). It takes numbers or texts.")
    return True


def _family(value: object) -> str:
    """Integers and floats are one family: 1 and 1.0 are equal in JSON too."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__
