"""Alarms over hours of the service's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.metrics import CloudWatch
from sagelens.local.ports import ApiError
from sagelens.local.store import Store
from sagelens.testing import DrivenClock

GREEN = {"EndpointName": "e", "VariantName": "v", "EndpointConfigName": "green"}
DIMENSIONS = [{"Name": name, "Value": value} for name, value in GREEN.items()]
ERRORS: dict[str, Any] = {
    "Namespace": "AWS/SageMaker",
    "MetricName": "Invocation5XXErrors",
    "Dimensions": DIMENSIONS,
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 0.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
RATE: dict[str, Any] = {
    "Metrics": [
        {"Id": "rate", "Expression": "IF(n >= 10, errors / n, 0)"},
        *(
            {
                "Id": identity,
                "MetricStat": {
                    "Metric": {"Namespace": "AWS/SageMaker", "MetricName": name, "Dimensions": DIMENSIONS},
                    "Period": 60,
                    "Stat": "Sum",
                },
                "ReturnData": False,
            }
            for identity, name in (("errors", "Invocation5XXErrors"), ("n", "Invocations"))
        ),
    ],
    "EvaluationPeriods": 2,
    "Threshold": 0.05,
    "ComparisonOperator": "GreaterThanThreshold",
}


class Local:
    """The room without its HTTP front. `heard` are the changes that a subscriber was told of: seconds since the start, state."""

    def __init__(self, folder: Path, clock: DrivenClock) -> None:
        self.clock = clock
        self._start = clock.time()
        self._store = Store(folder / "state.db")
        self.room = CloudWatch(self._store, clock, account="000000000000", region="eu-west-1")
        self._handlers = self.room.handlers()
        self.heard: list[tuple[float, str, str]] = []

    async def call(self, operation: str, **request: Any) -> dict[str, Any]:
        return await self._handlers[f"cloudwatch.{operation}"](request)

    async def put(self, name: str, **alarm: Any) -> None:
        await self.call("PutMetricAlarm", AlarmName=name, **alarm)
        self.room.subscribe([name], self.hear)

    def hear(self, name: str, state: str, reason: str) -> None:
        assert self.room.state(name) == (state, reason)
        self.heard.append((self.clock.time() - self._start, name, state))

    def record(self, name: str, *values: float) -> None:
        for value in values:
            self.room.record("AWS/SageMaker", name, GREEN, value)

    async def traffic(self, minutes: int, *, errors: float) -> None:
        """A hundred requests in the middle of each minute, `errors` of which fail."""
        for _ in range(minutes):
            await self.clock.advance(30)
            for number in range(100):
                self.record("Invocations", 1.0)
                self.record("Invocation5XXErrors", float(number < errors))
            await self.clock.advance(30)

    async def close(self) -> None:
        await self.room.close()
        self._store.close()


Scenario = Callable[[Local], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Scenario], None]:
    async def running(scenario: Scenario) -> None:
        local = Local(tmp_path, DrivenClock())
        await local.room.recover()
        await scenario(local)
        await local.close()

    return lambda scenario: asyncio.run(running(scenario))


def test_an_alarm_rings_at_the_first_whole_minute_after_the_error_and_ends_when_the_errors_do(run: Any) -> None:
    async def scenario(local: Local) -> None:
        await local.put("errors", **ERRORS)
        assert local.room.state("errors") == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
        await local.clock.advance(8 * 3600 + 10)
        local.record("Invocation5XXErrors", 1.0)
        await local.clock.advance(49)
        assert local.heard == [(60, "errors", "OK")]
        await local.clock.advance(1)
        assert local.heard[1:] == [(8 * 3600 + 60, "errors", "ALARM")]
        assert "1 out of the last 1 datapoints [1.0 (01/01/26 08:00:00)]" in local.room.state("errors")[1]
        await local.traffic(1, errors=0)
        assert local.heard[2:] == [(8 * 3600 + 120, "errors", "OK")]

    run(scenario)


def test_a_breach_without_data_after_it_lasts_as_long_as_the_evaluation_range(run: Any) -> None:
    async def scenario(local: Local) -> None:
        await local.put("errors", **ERRORS)
        local.record("Invocation5XXErrors", 1.0)
        await local.clock.advance(3600)
        assert local.heard == [(60, "errors", "ALARM"), (240, "errors", "OK")]

    run(scenario)


def test_high_resolution_alarms_ring_every_ten_seconds(run: Any) -> None:
    async def scenario(local: Local) -> None:
        await local.put("slow", **ERRORS)
        await local.put("fast", **{**ERRORS, "Period": 10, "EvaluationPeriods": 3, "DatapointsToAlarm": 2})
        for _ in range(6):
            local.record("Invocation5XXErrors", 1.0)
            await local.clock.advance(10)
        assert local.heard[:1] == [(10, "fast", "OK")]
        assert local.heard[1:] == [(20, "fast", "ALARM"), (60, "slow", "ALARM")]

    run(scenario)


def test_longer_periods_slide_by_the_minute(run: Any) -> None:
    async def scenario(local: Local) -> None:
        await local.put("sum", **{**ERRORS, "Period": 300, "Threshold": 3.0})
        await local.traffic(7, errors=1)
        assert local.heard == [(60, "sum", "OK"), (240, "sum", "ALARM")]

    run(scenario)


def test_an_expression_needs_enough_traffic_to_alarm(run: Any) -> None:
    async def scenario(local: Local) -> None:
        await local.put("rate", **RATE)
        await local.traffic(2, errors=5)
        assert [state for _, _, state in local.heard] == ["OK"]
        for _ in range(3):
            local.record("Invocations", 1.0)
            local.record("Invocation5XXErrors", 1.0)
            await local.clock.advance(60)
        assert [state for _, _, state in local.heard] == ["OK"]
        await local.traffic(2, errors=6)
        assert local.heard[1:] == [(420, "rate", "ALARM")]

    run(scenario)


def test_percentiles_are_watched(run: Any) -> None:
    async def scenario(local: Local) -> None:
        latency = {**ERRORS, "MetricName": "ModelLatency", "ExtendedStatistic": "p99", "Threshold": 50_000.0}
        del latency["Statistic"]
        await local.put("latency", **latency)
        local.record("ModelLatency", *[1000.0] * 99, 90_000.0)
        await local.clock.advance(60)
        local.record("ModelLatency", *[1000.0] * 98, 90_000.0, 90_000.0)
        await local.clock.advance(60)
        assert local.heard == [(60, "latency", "OK"), (120, "latency", "ALARM")]

    run(scenario)


def test_composite_alarms_follow_in_the_same_turn(run: Any) -> None:
    async def scenario(local: Local) -> None:
        await local.put("errors", **ERRORS)
        await local.put("other", **ERRORS)
        await local.call("PutCompositeAlarm", AlarmName="both", AlarmRule="ALARM(errors) AND ALARM(other)")
        await local.call("PutCompositeAlarm", AlarmName="top", AlarmRule="NOT OK(both)")
        local.room.subscribe(["top"], local.hear)
        await local.call("SetAlarmState", AlarmName="other", StateValue="ALARM", StateReason="test")
        assert local.heard == [(0, "other", "ALARM")]
        await local.call("SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="test")
        assert local.heard[1:] == [(0, "errors", "ALARM"), (0, "top", "ALARM")]
        assert "alarm:both transitioned to ALARM at Thursday 01 January, 2026 00:00:00 UTC" in local.room.state("top")[1]
        await local.clock.advance(60)
        assert local.room.state("top")[0] == "OK"

    run(scenario)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("ALARM(nothing)", "do not exist"),
        ("ALARM(upper)", "comes back to"),
        ("ALARM(lower)", "comes back to"),
    ],
)
def test_a_composite_alarm_depends_on_others_that_exist(run: Any, rule: str, told: str) -> None:
    async def scenario(local: Local) -> None:
        await local.call("PutCompositeAlarm", AlarmName="lower", AlarmRule="TRUE")
        await local.call("PutCompositeAlarm", AlarmName="upper", AlarmRule="ALARM(lower)")
        with pytest.raises(ApiError, match=told):
            await local.call("PutCompositeAlarm", AlarmName="lower", AlarmRule=rule)
        with pytest.raises(ApiError, match="name of a CompositeAlarm"):
            await local.call("PutMetricAlarm", AlarmName="lower", **ERRORS)

    run(scenario)


def test_a_state_set_by_hand_lasts_until_the_next_evaluation(run: Any) -> None:
    async def scenario(local: Local) -> None:
        await local.put("errors", **ERRORS)
        await local.clock.advance(90)
        await local.call("SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="test")
        await local.clock.advance(29)
        assert local.room.state("errors") == ("ALARM", "test")
        await local.clock.advance(1)
        assert local.room.state("errors")[0] == "OK"

    run(scenario)


def test_who_unsubscribed_hears_nothing_and_who_fails_keeps_nobody_from_hearing(
    run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(local: Local) -> None:
        def failing(name: str, state: str, reason: str) -> None:
            raise RuntimeError("deaf")

        gone: list[str] = []
        end = local.room.subscribe(["errors", "other"], lambda name, *_: gone.append(name))
        local.room.subscribe(["errors"], failing)
        await local.put("errors", **ERRORS)
        end()
        end()
        await local.clock.advance(60)
        assert local.heard == [(60, "errors", "OK")]
        assert gone == []
        assert "deaf" in caplog.text

    run(scenario)


def test_alarms_their_states_and_history_survive_the_service(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = DrivenClock()
        first = Local(tmp_path, clock)
        await first.put("rate", **RATE)
        await first.put("errors", **ERRORS)
        await first.call("PutCompositeAlarm", AlarmName="any", AlarmRule="ALARM(errors) OR ALARM(rate)")
        await first.traffic(1, errors=50)
        await first.close()

        second = Local(tmp_path, clock)
        await second.room.recover()
        assert [second.room.state(name)[0] for name in ("errors", "rate", "any")] == ["ALARM", "INSUFFICIENT_DATA", "ALARM"]
        second.room.subscribe(["errors", "rate", "any"], second.hear)
        await second.traffic(2, errors=50)
        assert [(name, state) for _, name, state in second.heard] == [("rate", "ALARM")]
        history = await second.call("DescribeAlarmHistory", HistoryItemType="StateUpdate", AlarmTypes=["CompositeAlarm"])
        assert [item["AlarmName"] for item in history["AlarmHistoryItems"]] == ["any", "any"]
        await second.close()

    asyncio.run(scenario())


def test_without_alarms_nothing_runs(run: Any) -> None:
    async def scenario(local: Local) -> None:
        before = asyncio.all_tasks()
        await local.put("errors", **ERRORS)
        assert len(asyncio.all_tasks()) == len(before) + 1
        await local.call("DeleteAlarms", AlarmNames=["errors"])
        await local.clock.advance(60)
        assert asyncio.all_tasks() == before

    run(scenario)


def test_history_is_kept_for_thirty_days(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = DrivenClock()
        for _ in range(2):
            local = Local(tmp_path, clock)
            await local.room.recover()
            await local.call("PutCompositeAlarm", AlarmName="always", AlarmRule="TRUE")
            await clock.advance(31 * 24 * 3600)
            await local.close()
        local = Local(tmp_path, clock)
        history = await local.call("DescribeAlarmHistory", AlarmName="always", AlarmTypes=["CompositeAlarm"])
        assert [item["HistorySummary"] for item in history["AlarmHistoryItems"]] == ['Alarm "always" updated']
        await local.close()

    asyncio.run(scenario())
