"""A few of the kills of `benchmarks/crashes.py`, which makes a hundred."""

from __future__ import annotations

from pathlib import Path

from benchmarks.crashes import crash


def test_nothing_is_lost_or_left_half_done_by_kills_at_random_moments(tmp_path: Path) -> None:
    found = crash(tmp_path / "project", kills=4, seed=5)

    assert found.problems == []
    assert sum(found.kills.values()) == 4
