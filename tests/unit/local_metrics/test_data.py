"""What is kept of observations, how exactly, and for how long."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from sagelens.local.metrics.data import MetricData, MetricId
from sagelens.local.metrics.keeper import Keeper
from sagelens.local.metrics.statistic import statistic_of
from sagelens.local.metrics.summary import RELATIVE_ERROR, Summary
from sagelens.local.store import Store
from sagelens.testing import DrivenClock

METRIC = MetricId("N", "m", ())
START = 1_767_225_600


def total(data: MetricData, start: float, end: float, period: int) -> dict[int, float]:
    found = data.summaries(METRIC, start=int(start), end=int(end), period=period)
    return {moment - int(start): summary.total for moment, summary in sorted(found.items())}


def test_fine_for_a_quarter_of_an_hour_then_by_the_minute_then_gone() -> None:
    async def scenario() -> None:
        clock = DrivenClock()
        data, start = MetricData(clock), clock.time()
        for _ in range(3):
            data.record("N", "m", {}, 1.0)
            await clock.advance(20)
        assert total(data, start, start + 60, 20) == {0: 1.0, 20: 1.0, 40: 1.0}
        await clock.advance(16 * 60)
        assert total(data, start, start + 60, 20) == {0: 3.0}
        await clock.advance(3 * 3600)
        assert total(data, start, start + 60, 60) == {}
        assert data.metrics() == {}

    asyncio.run(scenario())


def test_a_minute_that_was_looked_at_still_takes_what_comes_late() -> None:
    async def scenario() -> None:
        clock = DrivenClock()
        data = MetricData(clock)
        for expected in (1.0, 2.0):
            data.record("N", "m", {}, 1.0)
            assert total(data, START, START + 60, 60) == {0: expected}
        await clock.advance(16 * 60)
        assert total(data, START, START + 60, 60) == {0: 2.0}
        data.series(METRIC, "Count").at(START + 30).add(5.0)
        assert total(data, START, START + 120, 60) == {0: 7.0}
        assert total(data, START - 60 * 10**7, START + 60 * 10**7, 60 * 10**7) == {60 * 10**7: 7.0}

    asyncio.run(scenario())


def test_it_survives_the_service_by_the_minute(tmp_path: Path) -> None:
    clock = DrivenClock()

    async def service(*values: float) -> MetricData:
        store = Store(tmp_path / "state.db")
        data = MetricData(clock)
        keeper = Keeper(store, data, clock, place="arn:")
        keeper.recover()
        for value in values:
            data.record("N", "m", {}, value)
            await clock.advance(20)
        await keeper.close()
        store.close()
        return data

    async def scenario() -> None:
        await service(1.0, 2.0)
        data = await service(3.0, 4.0, 5.0)
        found = data.summaries(METRIC, start=START, end=START + 120, period=60)
        assert {start - START: summary.count for start, summary in found.items()} == {0: 3, 60: 2}
        assert found[START].percentile(50) == pytest.approx(2.0, rel=RELATIVE_ERROR)
        assert [found[START + 60].minimum, found[START + 60].maximum] == [4.0, 5.0]
        await clock.advance(3 * 3600)
        assert (await service()).metrics() == {}

    asyncio.run(scenario())


def test_many_observations_are_all_counted() -> None:
    clock = DrivenClock()
    data, start = MetricData(clock), clock.time()
    dimensions = [{"a": "1"}, {"a": "2"}]
    for number in range(5001):
        data.record("N", "m", dimensions[number % 2], float(number))
    counts = [
        next(iter(data.summaries(MetricId("N", "m", (("a", value),)), start=int(start), end=int(start) + 1, period=1).values()))
        for value in "12"
    ]
    assert [summary.count for summary in counts] == [2501, 2500]
    assert sum(summary.total for summary in counts) == 5000 * 5001 / 2
    assert (counts[0].minimum, counts[0].maximum) == (0, 5000)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
def test_percentiles_are_off_by_one_percent_at_most(scale: float) -> None:
    draw = random.Random(7)
    values = [scale * draw.lognormvariate(0, 2) for _ in range(20_000)]
    parts = [Summary() for _ in range(40)]
    for number, value in enumerate(values):
        parts[number % 40].add(value)
    whole = Summary()
    for part in parts:
        whole.merge(part)
    values.sort()
    assert len(whole.values) < 1500
    for percent in (1, 25, 50, 90, 99, 99.9):
        exact = values[int(len(values) * percent / 100) - 1]
        assert whole.percentile(percent) == pytest.approx(exact, rel=RELATIVE_ERROR * 1.01)
    assert (whole.percentile(0), whole.percentile(100)) == (values[0], values[-1])


def test_few_values_are_kept_exactly() -> None:
    summary = Summary()
    for value in (0.0, 0.0, -3.25, 1e-300):
        summary.add(value)
    assert [statistic_of(name).of(summary) for name in ("p25", "p50", "p75", "p100")] == [-3.25, 0.0, 0.0, 1e-300]


def test_putting_values_together_again_changes_nothing() -> None:
    summary = Summary()
    summary.add_all([random.Random(3).uniform(-50, 50) for _ in range(10)] + [float(n) for n in range(1000)])
    summary.compress()
    before = dict(summary.values)
    summary.compress()
    assert summary.values == before
    assert sum(before.values()) == 1010


def test_a_statistic_set_has_no_percentiles_unless_all_its_values_are_one() -> None:
    summary = Summary()
    summary.add_set(4, 20.0, 5.0, 5.0)
    assert statistic_of("p50").of(summary) == 5.0
    summary.add_set(2, 3.0, 1.0, 2.0)
    assert statistic_of("p50").of(summary) is None
    assert statistic_of("Sum").of(summary) == 23.0
