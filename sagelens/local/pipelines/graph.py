"""What each step has to wait for, and the checks that need to see all steps at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from sagelens.local.pipelines.conditions import check_condition
from sagelens.local.pipelines.definition import Branch, Definition, Step
from sagelens.local.pipelines.expressions import Reference, references
from sagelens.local.pipelines.invalid import Invalid

__all__ = ["EXECUTION_FIELDS", "Graph", "Node", "build_graph"]

EXECUTION_FIELDS = (
    "StartDateTime",
    "CurrentDateTime",
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "TrainingJobName",
    "ProcessingJobName",
)


@dataclass(frozen=True)
class Node:
    """A step in the graph. `data` are the steps whose properties it reads, `order` those it only waits for.

    `branch` is the condition that directly holds it. A step that waits for a condition also waits for the steps of the
    side that is taken; AWS does not say, and a gate's Fail step has to be able to hold back what waits for the gate.
    """

    name: str
    branch: Branch | None = None
    data: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Steps that must have succeeded, in the order in which they are named."""
        condition = (self.branch.condition,) if self.branch else ()
        return tuple(dict.fromkeys((*condition, *self.order, *self.data)))


Graph = Mapping[str, Node]


def build_graph(definition: Definition) -> Graph:
    """The graph of a definition; Invalid for a reference that cannot work or a cycle."""
    graph = {step.name: _node(step, definition) for step in definition.steps.values()}
    _refuse_cycles(graph)
    return graph


def _node(step: Step, definition: Definition) -> Node:
    return Node(
        name=step.name,
        branch=step.branch[-1] if step.branch else None,
        data=tuple(dict.fromkeys(_data(step, definition))),
        order=tuple(_order(step, definition)),
        members=tuple(s.name for s in definition.steps.values() if any(b.condition == step.name for b in s.branch)),
    )


def _own_arguments(step: Step) -> object:
    """A condition's branches are steps of their own."""
    if step.type != "Condition":
        return step.arguments
    for condition in step.arguments["Conditions"]:
        check_condition(step.name, condition)
    return step.arguments["Conditions"]


def _data(step: Step, definition: Definition) -> Iterator[str]:
    try:
        found = list(references(_own_arguments(step)))
    except Invalid as error:
        raise Invalid(f"Step '{step.name}': {error.message}") from error
    for reference in found:
        match reference.root:
            case "Parameters":
                _check_known(step, reference, definition.parameters, "parameter")
            case "Execution":
                _check_known(step, reference, dict.fromkeys(EXECUTION_FIELDS), "Execution field")
            case _:
                _check_known(step, reference, definition.steps, "step")
                yield _checked(step, definition.steps[reference.name], reference)


def _check_known(step: Step, reference: Reference, known: Mapping[str, object], noun: str) -> None:
    if reference.name not in known:
        raise Invalid(
            f"Step '{step.name}' refers to {reference.text}, but there is no {noun} '{reference.name}'. "
            f"There is: {', '.join(known) or 'none'}."
        )


def _checked(step: Step, target: Step, reference: Reference) -> str:
    if target.type == "Fail":
        raise Invalid(f"Step '{step.name}' refers to {reference.text}; the Fail step '{target.name}' has no properties.")
    if reference.path[:1] == ("PropertyFiles",):
        wanted = reference.path[1] if len(reference.path) > 1 else ""
        if wanted not in target.property_files:
            known = ", ".join(target.property_files) or "none"
            raise Invalid(f"Step '{step.name}' refers to {reference.text}; step '{target.name}' has the property files: {known}.")
    _check_certain(step, target, f"refers to {reference.text}")
    return target.name


def _check_certain(step: Step, target: Step, what: str) -> None:
    """A step may lean on another only where that one is certain to have run: in the same branch, or in one around it."""
    if target.branch != step.branch[: len(target.branch)]:
        side = target.branch[-1]
        raise Invalid(
            f"Step '{step.name}' {what}, but step '{target.name}' is not certain to have run: it is in the "
            f"{'IfSteps' if side.taken else 'ElseSteps'} of condition '{side.condition}'. Move '{step.name}' into that branch."
        )


def _order(step: Step, definition: Definition) -> Iterator[str]:
    for name in step.depends_on:
        if name not in definition.steps:
            raise Invalid(
                f"Step '{step.name}' has '{name}' in DependsOn, which is no step. There is: {', '.join(definition.steps)}."
            )
        target = definition.steps[name]
        if target.type == "Fail":
            raise Invalid(f"Step '{step.name}' depends on the Fail step '{name}', after which nothing runs.")
        _check_certain(step, target, f"depends on '{name}'")
        yield name


def _refuse_cycles(graph: Graph) -> None:
    edges = {name: set(node.waits_for) for name, node in graph.items()}
    for node in graph.values():
        for name in node.waits_for:
            if node.name not in graph[name].members:
                edges[node.name] |= set(graph[name].members)
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise Invalid(f"Steps wait for one another in a circle: {circle}. Remove one of these references.") from error
