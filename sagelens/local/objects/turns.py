"""Who reads an object and who replaces it, so that neither happens in the middle of the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

__all__ = ["Turns"]


@dataclass
class _Turn:
    """Of one object. Who wants to replace it waits for those who are opening it, and lets no more come before."""

    reading: int = 0
    writing: bool = False
    waiting: int = 0
    users: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class Turns:
    """Any number may open an object at once, or one replace it."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    @asynccontextmanager
    async def reading(self, path: str) -> AsyncIterator[None]:
        async with self._of(path) as turn:
            async with turn.changed:
                await turn.changed.wait_for(lambda: not turn.writing and not turn.waiting)
                turn.reading += 1
            try:
                yield
            finally:
                turn.reading -= 1
                await _tell(turn)

    @asynccontextmanager
    async def writing(self, path: str) -> AsyncIterator[None]:
        async with self._of(path) as turn:
            await _alone(turn, lambda: not turn.writing and not turn.reading)
            try:
                yield
            finally:
                turn.writing = False
                await _tell(turn)

    @asynccontextmanager
    async def _of(self, path: str) -> AsyncIterator[_Turn]:
        turn = self._turns.setdefault(path, _Turn())
        turn.users += 1
        try:
            yield turn
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[path]


async def _alone(turn: _Turn, free: Callable[[], bool]) -> None:
    turn.waiting += 1
    try:
        async with turn.changed:
            await turn.changed.wait_for(free)
            turn.writing = True
    finally:
        turn.waiting -= 1


async def _tell(turn: _Turn) -> None:
    async with turn.changed:
        turn.changed.notify_all()
