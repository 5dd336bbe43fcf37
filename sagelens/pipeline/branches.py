"""Which steps a gate blocks, as a tree: what depends on a gate stands inside its branch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sagelens.pipeline.pipeline import Gate, Node, given_by, taken_by
from sagelens.pipeline.step import Step

__all__ = ["Branch", "nest"]


@dataclass(frozen=True)
class Branch:
    """A node and, for a gate, what runs only once it has passed."""

    node: Node
    inside: tuple[Branch, ...] = ()


def nest(nodes: Sequence[Node]) -> tuple[Branch, ...]:
    """Put every node inside the branches of the gates that block it.

    What a gate does not block comes before its branch, since what stands inside may depend on it but not the reverse.
    Two gates that both block some step are nested in the order in which they stand, since a step can stand in one branch only.
    """
    for position, node in enumerate(nodes):
        if isinstance(node, Gate):
            before, after = nodes[:position], nodes[position + 1 :]
            inside = _blocked(node, after)
            names = {other.name for other in inside}
            outside = [other for other in after if other.name not in names]
            return (*(Branch(other) for other in before), *nest(outside), Branch(node, nest(inside)))
    return tuple(Branch(node) for node in nodes)


def _blocked(gate: Gate, later: Sequence[Node]) -> list[Node]:
    names = _dependent(gate, later)
    while True:
        grown = set(names)
        for other in later:
            if isinstance(other, Gate) and other.name not in grown and names & (dependent := _dependent(other, later)):
                grown |= {other.name, *dependent}
        if grown == names:
            return [node for node in later if node.name in names]
        names = grown


def _dependent(gate: Gate, later: Sequence[Node]) -> set[str]:
    """The names of the later nodes that depend, directly or not, on what the gate looks at or gives."""
    tainted = {*gate.on, *given_by(gate)}
    steps = {gate.name}
    for node in later:
        after = node.after if isinstance(node, Step) else ()
        if tainted.intersection(taken_by(node)) or steps.intersection(after):
            tainted.update(given_by(node))
            steps.add(node.name)
    return steps - {gate.name}
