"""The service's clock, and the one that tests drive."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from sagelens.errors import BadInput
from sagelens.local.clock import ClockFile, ScaledClock
from sagelens.local.pace import pace, scale_of
from sagelens.testing import DrivenClock

HOUR = 3600.0


def test_at_scale_one_it_is_the_walls_clock() -> None:
    assert _keeps_to_the_wall(ScaledClock())


def test_a_fast_clock_lets_hours_pass() -> None:
    clock = ScaledClock(360_000)
    before = clock.time()
    asyncio.run(clock.sleep(3600))
    assert clock.time() - before >= 3600


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_it_only_runs_forward(scale: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(scale)


@pytest.mark.parametrize(
    ("text", "scale", "label"), [("60x", 60.0, "60x"), ("60", 60.0, "60x"), ("0.5x", 0.5, "0.5x"), ("1", 1.0, "1x")]
)
def test_a_pace_is_read_and_written(text: str, scale: float, label: str) -> None:
    assert scale_of(text) == scale
    assert pace(scale) == label
    assert ScaledClock(scale).label == label


@pytest.mark.parametrize("text", ["", "x", "0", "-1x", "fast", "nan", "inf", "1000001x"])
def test_what_is_no_pace_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="`1x` or `60x`"):
        scale_of(text)


def test_a_fast_clock_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    kept = ClockFile(tmp_path / "clock.json")
    clock = kept.start(1_000_000)
    while clock.time() < time.time() + HOUR:
        time.sleep(0.001)
    stopped = clock.time()
    kept.stop(clock)
    began = time.monotonic()
    again = ClockFile(tmp_path / "clock.json").start(60)
    assert stopped <= again.time() <= stopped + 60 * (time.monotonic() - began) + 120
    assert _keeps_to_the_wall(ClockFile(tmp_path / "clock.json").start(1))


def test_the_clock_of_a_service_that_was_killed_has_run_on(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    started = time.time()
    ClockFile(file).start(60)
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "wall": kept["wall"] - 10}))
    found = ClockFile(file).start(60).time() - started
    assert 540 <= found <= 660 + 60 * (time.time() - started)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"clock": "x", "wall": 0, "scale": 1, "running": true}'])
def test_a_damaged_record_of_the_clock_does_no_harm(tmp_path: Path, text: str) -> None:
    file = tmp_path / "clock.json"
    file.write_text(text)
    before = time.time()
    found = ClockFile(file).start(60).time()
    assert before - 1 < found < before + 60 * (time.time() - before) + 60


def _keeps_to_the_wall(clock: ScaledClock) -> bool:
    """Within a second, and whatever the machine takes to look at two clocks."""
    before, found = time.time(), clock.time()
    return before - 1 < found < time.time() + 1


def drive(scenario: Any) -> None:
    asyncio.run(scenario(DrivenClock()))


def test_a_driven_clock_stands_still_by_itself() -> None:
    async def scenario(clock: DrivenClock) -> None:
        start = clock.time()
        sleeper = asyncio.create_task(clock.sleep(1))
        await asyncio.sleep(0.01)
        assert (clock.time(), sleeper.done(), clock.label) == (start, False, "driven")
        await clock.advance(1)
        assert (clock.time(), sleeper.done()) == (start + 1, True)

    drive(scenario)


def test_sleepers_wake_in_order_and_what_they_start_happens_at_its_own_time() -> None:
    async def scenario(clock: DrivenClock) -> None:
        start, seen = clock.time(), []

        async def walk(name: str, *steps: float) -> None:
            for step in steps:
                await clock.sleep(step)
                seen.append((clock.time() - start, name))
            if name == "first":
                await asyncio.gather(walk("child", 5), walk("other child", 0))

        tasks = [asyncio.create_task(walk("first", 10, 10)), asyncio.create_task(walk("second", 10, 2, 60))]
        await clock.advance(30)
        assert seen == [(10, "first"), (10, "second"), (12, "second"), (20, "first"), (20, "other child"), (25, "child")]
        assert clock.time() == start + 30
        assert [task.done() for task in tasks] == [True, False]
        tasks[1].cancel()

    drive(scenario)


def test_a_cancelled_sleeper_is_forgotten() -> None:
    async def scenario(clock: DrivenClock) -> None:
        sleeper = asyncio.create_task(clock.sleep(10))
        await clock.advance(5)
        sleeper.cancel()
        with pytest.raises(TimeoutError, match="nobody sleeps"):
            await clock.until(lambda: False, limit=HOUR)

    drive(scenario)


def test_until_stops_at_the_moment_at_which_the_condition_holds() -> None:
    async def scenario(clock: DrivenClock) -> None:
        async def tick() -> None:
            while True:
                await clock.sleep(60)

        ticking = asyncio.create_task(tick())
        start = clock.time()
        assert await clock.until(lambda: clock.time() - start > 8 * HOUR, limit=9 * HOUR) == 8 * HOUR + 60
        with pytest.raises(TimeoutError, match="after 30 s"):
            await clock.until(lambda: False, limit=30)
        assert clock.time() == start + 8 * HOUR + 90
        ticking.cancel()

    drive(scenario)


def test_a_task_that_never_rests_is_named_rather_than_waited_for() -> None:
    async def scenario(clock: DrivenClock) -> None:
        async def spin() -> None:
            while True:
                await clock.sleep(0)

        spinning = asyncio.create_task(spin())
        with pytest.raises(RuntimeError, match="did not come to rest"):
            await clock.advance(1)
        with pytest.raises(ValueError, match="only runs forward"):
            await clock.advance(-1)
        spinning.cancel()

    drive(scenario)
