"""The scheduler over random graphs."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from sagelens.local.pipelines.definition import parse_definition
from sagelens.local.pipelines.graph import Graph, build_graph
from sagelens.local.pipelines.invalid import Invalid
from sagelens.local.pipelines.scheduler import RUNNING, State, not_taken, ready
from tests.unit.local_pipelines.definitions import condition, definition, equals, processing

Path = tuple[tuple[str, bool], ...]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Up to 10 steps, some of them conditions that hold others; each waits for earlier ones that are certain to have run."""
    paths: dict[str, Path] = {}
    steps: dict[str, dict[str, Any]] = {}
    for number in range(draw(st.integers(1, 10))):
        name = f"s{number}"
        around = draw(st.sampled_from([None, *(n for n in steps if steps[n]["Type"] == "Condition")]))
        taken = draw(st.booleans())
        paths[name] = (*paths[around], (around, taken)) if around else ()
        certain = [n for n in steps if paths[n] == paths[name][: len(paths[n])]]
        waits = draw(st.lists(st.sampled_from(certain), unique=True, max_size=3)) if certain else []
        decides = draw(st.booleans())
        steps[name] = condition(name, equals(1, 1), DependsOn=waits) if decides else processing(name, DependsOn=waits)
        if around:
            steps[around]["Arguments"]["IfSteps" if taken else "ElseSteps"].append(steps[name])
    try:
        return build_graph(parse_definition(definition(*(step for name, step in steps.items() if not paths[name]))))
    except Invalid as error:
        assume("in a circle" not in error.message)
        raise


@given(graph=graphs(), limit=st.one_of(st.none(), st.integers(1, 4)), data=st.data())
def test_no_step_starts_too_early_and_no_more_run_than_allowed(graph: Graph, limit: int | None, data: st.DataObject) -> None:
    states: dict[str, State] = {}
    outcomes: dict[str, bool] = {}
    while True:
        started = ready(graph, states, outcomes, limit=limit)
        assert not set(started) & set(states)
        for name in started:
            node = graph[name]
            assert all(states.get(needed) is State.SUCCEEDED for needed in node.waits_for)
            assert node.branch is None or outcomes[node.branch.condition] is node.branch.taken
            for needed in node.waits_for:
                if name not in graph[needed].members:
                    assert not any(states.get(member) in RUNNING for member in graph[needed].members)
            states[name] = State.EXECUTING
        running = [name for name, state in states.items() if state in RUNNING]
        assert limit is None or len(running) <= limit
        if not running:
            break
        name = data.draw(st.sampled_from(running))
        states[name] = data.draw(st.sampled_from([State.SUCCEEDED, State.SUCCEEDED, State.SUCCEEDED, State.FAILED]))
        if states[name] is State.SUCCEEDED and graph[name].members:
            outcomes[name] = data.draw(st.booleans())
    failed = {name for name, state in states.items() if state is State.FAILED}
    assert failed or set(states) | not_taken(graph, outcomes) == set(graph)


@given(graph=graphs(), data=st.data())
def test_without_failures_everything_runs_but_the_branches_not_taken(graph: Graph, data: st.DataObject) -> None:
    states: dict[str, State] = {}
    outcomes: dict[str, bool] = {}
    while started := ready(graph, states, outcomes):
        for name in started:
            states[name] = State.SUCCEEDED
            if graph[name].members:
                outcomes[name] = data.draw(st.booleans())

    assert set(states) | not_taken(graph, outcomes) == set(graph)
    assert not set(states) & not_taken(graph, outcomes)


def test_where_not_all_can_start_those_go_first_for_which_most_wait() -> None:
    steps = (
        processing("profile"),
        processing("baseline"),
        processing("train"),
        processing("package", DependsOn=["train"]),
        processing("evaluate", DependsOn=["baseline", "package"]),
    )
    graph = build_graph(parse_definition(definition(*steps)))

    assert ready(graph, {}, {}, limit=1) == ["train"]
    assert ready(graph, {}, {}, limit=2) == ["train", "baseline"]
    assert ready(graph, {}, {}, limit=3) == ["profile", "baseline", "train"]
