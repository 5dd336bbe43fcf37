"""A world in which events are played."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.unit.local_events.world import World

Played = Callable[[Callable[[World], Awaitable[None]]], None]


@pytest.fixture
def play(tmp_path: Path) -> Played:
    """Plays something in a world that is open meanwhile."""

    def played(script: Callable[[World], Awaitable[None]]) -> None:
        async def run() -> None:
            world = await World(tmp_path).open()
            try:
                await script(world)
            finally:
                await world.close()

        asyncio.run(run())

    return played
