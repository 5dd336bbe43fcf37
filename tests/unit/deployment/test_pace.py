"""Waiting by the Date of the answers: durations are the answering clock's, sleeps the wall's."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from sagelens.deployment import Pace

EPOCH = 1_767_225_600


class Service:
    """A clock that runs at a rate against the wall, and answers with its Date. Time passes only while sleeping."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.wall = 0.0
        self.slept: list[float] = []
        self.pace = Pace(sleep=self.sleep, now=lambda: self.wall, wall=lambda: EPOCH)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.wall += seconds

    @property
    def time(self) -> float:
        return self.wall * self.rate

    def answer(self) -> dict[str, Any]:
        return {"ResponseMetadata": {"HTTPHeaders": {"date": formatdate(EPOCH + int(self.time), usegmt=True)}}}

    def polled(self, done: Callable[[], bool]) -> Callable[[], bool]:
        def poll() -> bool:
            self.pace.heard(self.answer())
            return done()

        return poll


@pytest.mark.parametrize("rate", [1, 60, 3600])
def test_what_happens_on_the_services_clock_is_seen_soon_after(rate: float) -> None:
    service = Service(rate)

    assert service.pace.until(service.polled(lambda: service.time >= 3600), timeout=7200)

    assert 3600 <= service.time <= 3600 + max(16, 2 * rate * 0.02 + 16)


@pytest.mark.parametrize("rate", [1, 60, 3600])
def test_a_timeout_counts_the_services_seconds(rate: float) -> None:
    service = Service(rate)

    assert not service.pace.until(service.polled(lambda: False), timeout=600)

    assert 600 <= service.time <= 600 + max(2, 2 * rate * 0.02)


def test_polls_are_dense_at_first_and_never_denser_than_20_ms() -> None:
    service = Service(1)
    service.pace.until(service.polled(lambda: False), timeout=600)

    assert service.slept[0] == 0.02
    assert min(service.slept) == 0.02
    assert max(service.slept) <= 15
    assert len(service.slept) < 200


def test_a_clock_that_stands_still_and_then_leaps_is_followed() -> None:
    service = Service(0)
    polls = 0

    def leap() -> bool:
        nonlocal polls
        polls += 1
        if polls == 20:
            service.rate = 36_000 / max(service.wall, 1e-9)
        return False

    assert not service.pace.until(service.polled(leap), timeout=36_000)
    assert polls <= 22


def test_without_dates_the_walls_clock_counts() -> None:
    wall = 0.0

    def sleep(seconds: float) -> None:
        nonlocal wall
        wall += seconds

    assert not Pace(sleep=sleep, now=lambda: wall, wall=lambda: wall).until(lambda: False, timeout=10)
    assert 10 <= wall < 10.1
