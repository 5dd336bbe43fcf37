"""Selective execution: some steps run again, what they need of others is taken from an earlier execution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sagelens.local.pipelines.definition import Definition
from sagelens.local.pipelines.graph import Graph
from sagelens.local.pipelines.invalid import Invalid
from sagelens.local.pipelines.scheduler import State

__all__ = ["borrowed", "check_selection", "check_source", "reduce_graph", "with_fail_steps"]


def check_selection(graph: Graph, selected: Sequence[str]) -> None:
    """Selected steps exist, are named once, and every step on a way between two of them is selected too."""
    for name in selected:
        if name not in graph:
            raise Invalid(f"SelectedSteps names '{name}', which is no step. There is: {', '.join(graph)}.")
    if len(set(selected)) != len(selected):
        raise Invalid("SelectedSteps names a step twice.")
    chosen = set(selected)
    above = {name: _ancestors(graph, name) for name in graph}
    for name in graph:
        before, after = sorted(above[name] & chosen), sorted(n for n in chosen if name in above[n])
        if name not in chosen and before and after:
            raise Invalid(f"Step '{name}' is between the selected steps '{before[0]}' and '{after[0]}'. Select it too.")


def with_fail_steps(selected: Sequence[str], definition: Definition) -> list[str]:
    """A selected condition brings the Fail steps right inside it: a gate that is selected can stop the execution."""
    brought = {
        step.name
        for step in definition.steps.values()
        if step.type == "Fail" and step.branch and step.branch[-1].condition in selected
    }
    return [name for name in definition.steps if name in brought or name in selected]


def _ancestors(graph: Graph, name: str) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        for above in graph[todo.pop()].waits_for:
            if above not in found:
                found.add(above)
                todo.append(above)
    return found


def borrowed(graph: Graph, selected: Sequence[str]) -> list[str]:
    """Steps that do not run but whose properties, or outcome as a condition around them, the selected ones need."""
    chosen = set(selected)
    needed: set[str] = set()
    for name in selected:
        needed |= set(graph[name].data) - chosen
        branch = graph[name].branch
        while branch:
            needed |= {branch.condition} - chosen
            branch = graph[branch.condition].branch
    return [name for name in graph if name in needed]


def check_source(
    graph: Graph, selected: Sequence[str], source: str, states: Mapping[str, State], outcomes: Mapping[str, bool]
) -> None:
    """Refuse what the source execution cannot give."""
    for name in borrowed(graph, selected):
        if states.get(name) is not State.SUCCEEDED:
            was = states.get(name, "not run")
            raise Invalid(f"Step '{name}', which the selected steps need, has not succeeded in {source} ({was}). Select it too.")
    for name in selected:
        branch = graph[name].branch
        if branch and branch.condition not in selected and outcomes.get(branch.condition) != branch.taken:
            raise Invalid(
                f"Step '{name}' runs only when condition '{branch.condition}' is {branch.taken}, and it was not in {source}. "
                f"Select '{branch.condition}' too, or another source."
            )


def reduce_graph(graph: Graph, selected: Sequence[str]) -> Graph:
    """The graph of what runs: the selected steps, waiting for one another and for what they borrow."""
    keep = {*selected, *borrowed(graph, selected)}
    reduced = {}
    for name in (n for n in graph if n in keep):
        node = graph[name]
        reduced[name] = type(node)(
            name=name,
            branch=node.branch if node.branch and node.branch.condition in keep else None,
            data=tuple(n for n in node.data if n in keep),
            order=tuple(n for n in node.order if n in keep),
            members=tuple(n for n in node.members if n in keep),
        )
    return reduced
