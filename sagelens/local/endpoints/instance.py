"""One place in a fleet: a server at most, and the requests that it is answering."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

from sagelens.local.endpoints.http import Answer, Broken, Unreachable
from sagelens.local.endpoints.meter import Meter
from sagelens.local.endpoints.server import Server, Servers
from sagelens.local.endpoints.variant import Variant
from sagelens.local.ports import Document

__all__ = ["Health", "Instance", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """What a server is started from, and where its requests are counted."""

    variant: Variant
    model: Document
    meter: Meter


@dataclass(eq=False)
class Instance:
    recipe: Recipe
    id: str = field(default_factory=lambda: f"i-{secrets.token_hex(9)[:17]}")
    server: Server | None = None
    live: bool = False
    outstanding: int = 0
    answered: bool = False
    """Since the last health check."""
    keeper: asyncio.Task[None] | None = None

    @property
    def meter(self) -> Meter:
        return self.recipe.meter

    async def request(self, head: bytes, body: bytes, *, timeout: float) -> Answer:  # noqa: ASYNC109  passed on
        server = self.server
        if server is None:
            raise Unreachable(f"instance {self.id} has no server")
        self.outstanding += 1
        try:
            answer = await server.client.request(head, body, timeout=timeout)
        except Broken as error:
            raise Broken(f"{error}; {await server.fate()}") from error
        finally:
            self.outstanding -= 1
        self.answered = True
        return answer


@dataclass(frozen=True)
class Health:
    """A server that has answered nothing for `interval` seconds of the wall is asked for /ping; `misses` in a row end it."""

    interval: float = 5.0
    misses: int = 3

    async def lost(self, instance: Instance, servers: Servers) -> str:
        """Wait until the instance's server is of no use any more; why."""
        server = instance.server
        assert server is not None
        missed = 0
        while missed < self.misses:
            done, _ = await asyncio.wait((server.ended,), timeout=self.interval)
            if done:
                return f"ended with exit code {server.ended.result()}"
            if instance.answered or await servers.ping(server):
                instance.answered, missed = False, 0
            else:
                missed += 1
        return f"missed {missed} health checks"
