"""The service's clock."""

from __future__ import annotations

import asyncio
import time

import pytest

from sagelens.local.clock import ScaledClock


def test_at_scale_one_it_is_the_walls_clock() -> None:
    assert abs(ScaledClock().time() - time.time()) < 1.0


def test_a_fast_clock_lets_hours_pass() -> None:
    clock = ScaledClock(360_000)
    before = clock.time()
    asyncio.run(clock.sleep(3600))
    assert clock.time() - before >= 3600


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_it_only_runs_forward(scale: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(scale)
