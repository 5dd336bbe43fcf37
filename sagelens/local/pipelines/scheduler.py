"""Which steps may start: a pure function of the graph and of what became of the steps so far."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from sagelens.local.pipelines.graph import Graph, Node

__all__ = ["RUNNING", "State", "not_taken", "ready"]


class State(StrEnum):
    """A step's status in AWS's words. A step that has none yet is missing from the mapping of states."""

    STARTING = "Starting"
    EXECUTING = "Executing"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    FAILED = "Failed"
    SUCCEEDED = "Succeeded"


RUNNING = frozenset({State.STARTING, State.EXECUTING, State.STOPPING})

States = Mapping[str, State]
Outcomes = Mapping[str, bool]


def not_taken(graph: Graph, outcomes: Outcomes) -> frozenset[str]:
    """Steps in branches that a condition decided against. `outcomes` holds those of the conditions that have run."""
    skipped: set[str] = set()
    for node in graph.values():  # a condition comes before the steps inside it
        branch = node.branch
        if branch and (branch.condition in skipped or outcomes.get(branch.condition, branch.taken) != branch.taken):
            skipped.add(node.name)
    return frozenset(skipped)


def ready(graph: Graph, states: States, outcomes: Outcomes, *, limit: int | None = None) -> list[str]:
    """The steps to start now; no more than keep `limit` steps running.

    Where that is fewer than could start, those first for which the most others wait; else in the order of the definition.
    A failed step holds back what depends on it, directly or not; AWS does not say what becomes of the others: they run.
    """
    skipped = not_taken(graph, outcomes)
    found = [
        name
        for name, node in graph.items()
        if name not in states and name not in skipped and _may_start(node, graph, states, skipped)
    ]
    if limit is None:
        return found
    free = max(0, limit - sum(state in RUNNING for state in states.values()))
    if 0 < free < len(found):
        found.sort(key=lambda name: len(_waiting_for(name, graph)), reverse=True)
    return found[:free]


def _waiting_for(name: str, graph: Graph) -> set[str]:
    """The steps that wait for this one, directly or not."""
    waiting = {name}
    grown = True
    while grown:
        more = {node.name for node in graph.values() if waiting.intersection(node.waits_for)} - waiting
        waiting |= more
        grown = bool(more)
    return waiting


def _may_start(node: Node, graph: Graph, states: States, skipped: frozenset[str]) -> bool:
    return all(
        states.get(name) is State.SUCCEEDED and (node.name in graph[name].members or _settled(graph[name], states, skipped))
        for name in node.waits_for
    )


def _settled(condition: Node, states: States, skipped: frozenset[str]) -> bool:
    """Whether every step of the side taken has succeeded; true of anything that is no condition."""
    return all(member in skipped or states.get(member) is State.SUCCEEDED for member in condition.members)
