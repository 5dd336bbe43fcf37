"""The layout of the graph of steps."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagelens.evaluation.report.graph import Box, lay_out, reduced

CHAIN = {"a": [], "b": ["a"], "c": ["a", "b"], "d": ["a", "b", "c"]}
SIZE = (100.0, 40.0)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Acyclic: a node depends on earlier ones only."""
    count = draw(st.integers(1, 14))
    return {str(i): [str(n) for n in draw(st.sets(st.integers(0, i - 1), max_size=4))] if i else [] for i in range(count)}


def sizes(needs: dict[str, list[str]]) -> dict[str, tuple[float, float]]:
    return dict.fromkeys(needs, SIZE)


def reachable(needs: dict[str, list[str]], name: str) -> set[str]:
    return set(needs[name]).union(*(reachable(needs, need) for need in needs[name]))


def apart(one: Box, other: Box) -> bool:
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    above = one.y + one.height <= other.y or other.y + other.height <= one.y
    return beside or above


def test_edges_that_follow_from_others_are_left_out() -> None:
    assert reduced(CHAIN) == {"a": [], "b": ["a"], "c": ["b"], "d": ["c"]}


def test_a_step_that_is_not_listed_is_not_waited_for() -> None:
    assert reduced({"b": ["a", "b"]}) == {"b": []}


@settings(deadline=None)
@given(graphs())
def test_a_reduction_keeps_who_comes_before_whom(needs: dict[str, list[str]]) -> None:
    assert {n: reachable(reduced(needs), n) for n in needs} == {n: reachable(needs, n) for n in needs}


@settings(deadline=None)
@given(graphs(), st.floats(300, 2000))
def test_boxes_do_not_overlap_and_stay_inside(needs: dict[str, list[str]], width: float) -> None:
    layout = lay_out(needs, sizes(needs), width=width)

    assert {box.name for box in layout.boxes} == set(needs)
    assert all(apart(one, other) for one, other in combinations(layout.boxes, 2))
    assert all(box.x >= 0 and box.x + box.width <= layout.width for box in layout.boxes)
    assert all(box.y >= 0 and box.y + box.height <= layout.height for box in layout.boxes)


def test_what_comes_later_stands_further_right_in_one_row() -> None:
    layout = lay_out(CHAIN, sizes(CHAIN), width=1000)

    assert [box.name for box in sorted(layout.boxes, key=lambda box: box.x)] == ["a", "b", "c", "d"]
    assert {box.y for box in layout.boxes} == {layout.boxes[0].y}


@pytest.mark.parametrize(("width", "rows"), [(1000, 1), (400, 2), (250, 4)])
def test_a_long_graph_wraps_into_rows_no_wider_than_asked(width: float, rows: int) -> None:
    layout = lay_out(CHAIN, sizes(CHAIN), width=width)

    assert len({box.y for box in layout.boxes}) == rows
    assert layout.width <= width


def test_neighbours_are_ordered_so_that_edges_do_not_cross() -> None:
    needs = {"a": [], "b": [], "under-b": ["b"], "under-a": ["a"]}
    places = {box.name: box.y for box in lay_out(needs, sizes(needs), width=1000).boxes}

    assert (places["a"] < places["b"]) == (places["under-a"] < places["under-b"])


def test_an_empty_execution_has_an_empty_graph() -> None:
    assert lay_out({}, {}, width=1000).boxes == ()


def test_a_cycle_is_drawn_rather_than_refused() -> None:
    assert len(lay_out({"a": ["b"], "b": ["a"]}, {"a": SIZE, "b": SIZE}, width=1000).boxes) == 2
