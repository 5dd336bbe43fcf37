"""What a client may ask for costs no more than others can wait, and what cannot be kept stops nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.metrics import CloudWatch
from sagelens.local.metrics.compute import Scope, cost_of, ids_of, series_of
from sagelens.local.metrics.data import MetricData, MetricId
from sagelens.local.metrics.expression import parse
from sagelens.local.metrics.history import History
from sagelens.local.metrics.keeper import Keeper
from sagelens.local.ports import ApiError, Resource
from sagelens.local.store import Store
from sagelens.testing import DrivenClock

ALWAYS = {"StartTime": 0.0, "EndTime": 4e9}
ALARM = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0.0, "EvaluationPeriods": 1}
Call = Callable[..., Awaitable[dict[str, Any]]]


def stat(name: str, period: int = 1) -> dict[str, Any]:
    return {"Id": name, "MetricStat": {"Metric": {"Namespace": "N", "MetricName": name}, "Period": period, "Stat": "Sum"}}


def data_of(*names: str, namespace: str = "N") -> dict[str, Any]:
    return {"Namespace": namespace, "MetricData": [{"MetricName": name, "Value": 1.0} for name in names]}


@pytest.fixture
def room(tmp_path: Path) -> Callable[[Callable[[Call], Awaitable[None]]], None]:
    async def running(scenario: Callable[[Call], Awaitable[None]]) -> None:
        store = Store(tmp_path / "state.db")
        cloudwatch = CloudWatch(store, DrivenClock(), account="000000000000", region="eu-west-1")
        handlers = cloudwatch.handlers()
        await scenario(lambda operation, **request: handlers[f"cloudwatch.{operation}"](request))
        await cloudwatch.close()
        store.close()

    return lambda scenario: asyncio.run(running(scenario))


async def longest_wait(work: Awaitable[Any]) -> float:
    """How long anybody else on the loop waits at most while something is done, in seconds that this thread works."""
    task, worst, began = asyncio.ensure_future(work), 0.0, time.thread_time()
    while not task.done():
        await asyncio.sleep(0)
        worst, began = max(worst, time.thread_time() - began), time.thread_time()
    await task
    return worst


@pytest.mark.parametrize("operation", ["+", "-", "*", "/"])
def test_an_expression_may_be_as_long_as_there_is_room(operation: str) -> None:
    node = parse(operation.join(["a"] * 1024))

    assert ids_of(node, []) == {"a"}
    assert list(series_of(node, Scope({"a": {0: 1.0}}, ["a"], (0,)))) == [0]


def test_a_chain_is_computed_from_the_left() -> None:
    assert series_of(parse("a - 1 - 2 - (3 - 4) * 5"), Scope({"a": {0: 10.0}}, ["a"], (0,))) == {0: 12.0}


@pytest.mark.parametrize(
    "text", ["a * 1e308 * 10", "SUM([a * 1e308, a * 1e308])", "a - SUM(b * 1e308)", "a * 1e308 * 10 - a * 1e308 * 10"]
)
def test_a_result_beyond_all_numbers_is_missing(text: str) -> None:
    assert series_of(parse(text), Scope({"a": {0: 1.0}, "b": {0: 1.0, 1: 1.0}}, ["a", "b"], (0,))) == {}


@pytest.mark.parametrize("text", ["a + 1e999", "a + " + "9" * 400])
def test_a_number_beyond_all_numbers_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="beyond all numbers"):
        parse(text)


def test_the_cost_of_an_expression_counts_what_it_stands_for() -> None:
    assert cost_of(parse("FILL(a, 0) + 1"), ["a"]) == 5
    assert cost_of(parse("SUM(METRICS() * 2)"), ["a"] * 50) == 4 * 50


def test_expressions_that_compute_too_much_are_refused(room: Any) -> None:
    async def scenario(call: Call) -> None:
        expression = {"Id": "x", "Expression": "+".join(["FILL(a, 0)"] * 170)}
        with pytest.raises(ApiError, match="Reduce the time range"):
            await call("GetMetricData", MetricDataQueries=[stat("a"), expression], **ALWAYS)
        answer = await call("GetMetricData", MetricDataQueries=[stat("a", 60), {**expression, "Period": 60}], **ALWAYS)
        assert len(answer["MetricDataResults"][1]["Values"]) > 100

    room(scenario)


def test_a_costly_answer_keeps_nobody_waiting(room: Any) -> None:
    async def scenario(call: Call) -> None:
        await call("PutMetricData", **data_of(*(f"m{number}" for number in range(400))))
        expression = {"Id": "x", "Expression": "+".join(["FILL(m0, 0)"] * 60)}
        queries = [*(stat(f"m{number}") for number in range(400)), expression]
        assert await longest_wait(call("GetMetricData", MetricDataQueries=queries, **ALWAYS)) < 0.5

    room(scenario)


def test_more_queries_than_cloudwatch_takes_are_refused(room: Any) -> None:
    async def scenario(call: Call) -> None:
        many = [stat("a"), *({"Id": f"x{number}", "Expression": "a", "ReturnData": False} for number in range(5000))]
        for operation, request in (
            ("GetMetricData", {"MetricDataQueries": many, **ALWAYS}),
            ("PutMetricAlarm", {"Metrics": many}),
        ):
            with pytest.raises(ApiError, match="5001"):
                await call(operation, AlarmName="a", **ALARM, **request)

    room(scenario)


def test_an_alarm_that_computes_too_much_is_refused(room: Any) -> None:
    async def scenario(call: Call) -> None:
        heavy = [{**stat("a", 10), "ReturnData": False}, {"Id": "x", "Expression": "+".join(["FILL(a, 0)"] * 170)}]
        with pytest.raises(ApiError, match="at each evaluation"):
            await call("PutMetricAlarm", AlarmName="a", **{**ALARM, "EvaluationPeriods": 1000}, Metrics=heavy)

    room(scenario)


def test_the_pages_of_an_answer_hold_every_point_once(room: Any) -> None:
    async def scenario(call: Call) -> None:
        for second in range(5):
            for name in ("a", "c"):
                datum = {"MetricName": name, "Value": float(second), "Timestamp": 1767225600.0 + second, "StorageResolution": 1}
                await call("PutMetricData", Namespace="N", MetricData=[datum])
        request = {
            "MetricDataQueries": [stat("a"), stat("b"), stat("c")],
            "MaxDatapoints": 3,
            "ScanBy": "TimestampAscending",
            **ALWAYS,
        }
        seen: dict[str, list[float]] = {"a": [], "b": [], "c": []}
        told: list[list[str]] = []
        more: dict[str, Any] = {}
        while True:
            answer = await call("GetMetricData", **request, **more)
            for result in answer["MetricDataResults"]:
                seen[result["Id"]] += result["Values"]
            told.append([f"{result['Id']} {result['StatusCode']}" for result in answer["MetricDataResults"]])
            if not answer.get("NextToken"):
                break
            more = {"NextToken": answer["NextToken"]}
        assert seen == {"a": [0.0, 1.0, 2.0, 3.0, 4.0], "b": [], "c": [0.0, 1.0, 2.0, 3.0, 4.0]}
        assert told[0] == ["a PartialData", "b Complete"]
        assert told[-1] == ["b Complete", "c Complete"]

    room(scenario)


def test_new_metrics_are_taken_at_once_though_there_are_as_many_as_are_kept(room: Any) -> None:
    async def scenario(call: Call) -> None:
        for batch in range(5):
            await call("PutMetricData", **data_of(*(f"m{number}" for number in range(1000)), namespace=f"B{batch}"))
        began = time.thread_time()
        await call("PutMetricData", **data_of(*(f"m{number}" for number in range(1000)), namespace="New"))
        assert time.thread_time() - began < 0.5  # it took a second

        listed = await call("ListMetrics", Namespace="New")
        assert len(listed["Metrics"]) == 500
        assert listed["NextToken"]

    room(scenario)


def test_of_too_many_metrics_those_fed_last_are_kept() -> None:
    async def scenario() -> None:
        clock = DrivenClock()
        data = MetricData(clock)

        def feed(*names: str) -> None:
            for name in names:
                data.record("N", name, {}, 1.0)
            data.metrics()

        feed("old", "kept")
        await clock.advance(5)
        feed(*(f"m{number}" for number in range(4998)))
        await clock.advance(5)
        feed("kept")
        feed("new")
        names = {metric.name for metric in data.metrics()}
        assert "old" not in names
        assert {"kept", "new"} <= names
        assert len(names) == 5000

    asyncio.run(scenario())


@pytest.mark.parametrize("levels", [600])
def test_a_change_goes_through_any_number_of_composite_alarms_once(room: Any, levels: int) -> None:
    """Two on each level, which both depend on both of the level before: by every way there would be two to the power of 600."""

    async def scenario(call: Call) -> None:
        await call("PutMetricAlarm", AlarmName="root", **ALARM, Namespace="N", MetricName="m", Statistic="Sum", Period=60)
        below = ["root", "root"]
        for level in range(levels // 2):
            rule = f"(ALARM({below[0]}) AND NOT OK({below[1]})) OR (OK({below[0]}) AND ALARM({below[1]}))"
            below = [f"{side}{level}" for side in "ab"]
            for name in below:
                await call("PutCompositeAlarm", AlarmName=name, AlarmRule=rule)
        began = time.thread_time()
        await call("SetAlarmState", AlarmName="root", StateValue="ALARM", StateReason="r")
        assert time.thread_time() - began < 5
        (last,) = (await call("DescribeAlarms", AlarmNames=[below[0]], AlarmTypes=["CompositeAlarm"]))["CompositeAlarms"]
        assert last["StateValue"] == "ALARM"
        history = await call(
            "DescribeAlarmHistory", AlarmName=below[0], HistoryItemType="StateUpdate", AlarmTypes=["CompositeAlarm"]
        )
        assert "ALARM" in history["AlarmHistoryItems"][0]["HistorySummary"]

    room(scenario)


@pytest.mark.parametrize("text", ["[" * 4000, "{", "9" * 5000])
def test_reason_data_that_is_no_document_is_refused(room: Any, text: str) -> None:
    async def scenario(call: Call) -> None:
        await call("PutMetricAlarm", AlarmName="a", **ALARM, Namespace="N", MetricName="m", Statistic="Sum", Period=60)
        with pytest.raises(ApiError) as refused:
            await call("SetAlarmState", AlarmName="a", StateValue="OK", StateReason="r", StateReasonData=text)
        assert refused.value.code == "InvalidFormat"

    room(scenario)


def test_a_metric_that_cannot_be_kept_does_not_end_the_keeping_of_the_others(tmp_path: Path) -> None:
    clock = DrivenClock()

    async def service(*names: str) -> set[str]:
        store = Store(tmp_path / "state.db")
        data = MetricData(clock)
        keeper = Keeper(store, data, clock, place="arn:")
        keeper.recover()
        for name in names:
            data.record("N", name, {}, 1.0)
        await keeper.close()
        store.close()
        return {metric.name for metric in data.metrics()}

    asyncio.run(service("good", "poisoned \ud800", "fine"))
    assert asyncio.run(service()) == {"good", "fine"}


def test_what_was_kept_in_another_way_does_not_end_the_taking_up_of_the_rest(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = DrivenClock()
        store = Store(tmp_path / "state.db")
        first = Keeper(store, MetricData(clock), clock, place="arn:")
        first.recover()
        first._data.record("N", "good", {}, 1.0)
        await first.close()
        (kept,) = store.query("MetricMinute")
        store.update(kept.arn, modified=0.0, body={"rows": [["of", "another"], 5, *kept.body["rows"]]})
        data = MetricData(clock)
        second = Keeper(store, data, clock, place="arn:")
        second.recover()
        assert list(data.metrics()) == [MetricId("N", "good", ())]
        await second.close()
        store.close()

    asyncio.run(scenario())


def test_a_minute_that_could_not_be_written_is_written_the_next_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = DrivenClock()
        store, data = Store(tmp_path / "state.db"), MetricData(clock)
        keeper = Keeper(store, data, clock, place="arn:")
        data.record("N", "m", {}, 1.0)
        store._connection.execute("PRAGMA query_only = ON")
        await keeper._keep()
        store._connection.execute("PRAGMA query_only = OFF")
        assert store.query("MetricMinute") == []
        await keeper._keep()
        assert len(store.query("MetricMinute")) == 1
        store.close()

    asyncio.run(scenario())


def test_the_history_keeps_what_was_added_last(tmp_path: Path) -> None:
    store, now = Store(tmp_path / "state.db"), 1000.0
    history = History(store)
    alarm = Resource(kind="MetricAlarm", arn="arn:a", name="a")
    with store.transaction():
        for number in range(5500):
            history.add(alarm, "StateUpdate", f"{number}", {}, now + number)
    history.prune(now + 5500)
    items = history.items(alarm="a", item=None, start=None, end=None, newest_first=False)

    assert [items[0]["HistorySummary"], items[-1]["HistorySummary"]] == ["500", "5499"]
    store.close()
