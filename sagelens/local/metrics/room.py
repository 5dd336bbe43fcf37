"""CloudWatch on the local service: metrics, and alarms on them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable

from sagelens.local.metrics import describe, get, manage
from sagelens.local.metrics.alarm import COMPOSITE, METRIC
from sagelens.local.metrics.book import AlarmBook, Told
from sagelens.local.metrics.data import MetricData
from sagelens.local.metrics.keeper import Keeper
from sagelens.local.metrics.put import put_metric_data
from sagelens.local.metrics.watch import Watch
from sagelens.local.ports import Clock, Document, Handler, Request, Resource
from sagelens.local.store import Store

__all__ = ["CloudWatch"]

_Answer = Callable[[Request], Document | Awaitable[Document | None] | None]


class CloudWatch:
    """Is both Metrics and Alarms of the ports. `recover` takes up what an earlier service left, and watches its alarms."""

    def __init__(self, store: Store, clock: Clock, *, account: str, region: str) -> None:
        self._clock = clock
        self._place = f"arn:aws:cloudwatch:{region}:{account}:alarm:"
        self._data = MetricData(clock)
        self.record = self._data.record  # without a step between: it is called a dozen times for every request
        self._book = AlarmBook(store, clock)
        self._watch = Watch(self._book, self._data, clock)
        self._keeper = Keeper(store, self._data, clock, place=f"arn:aws:cloudwatch:{region}:{account}:minute:")

    def state(self, name: str) -> tuple[str, str] | None:
        """State and reason; None for an alarm that does not exist."""
        alarm = self._book.get(name)
        return None if alarm is None else (alarm.state, alarm.reason)

    def subscribe(self, names: Sequence[str], told: Told) -> Callable[[], None]:
        """Call `told(name, state, reason)` at once whenever one of them changes; the answer ends that."""
        return self._book.subscribe(names, told)

    def announce(self, changed: Callable[[Resource, Resource], None]) -> None:
        """Call this whenever the state of any alarm is another one, with the alarm as it was and as it is."""
        self._book.changed = changed

    async def recover(self) -> None:
        self._keeper.recover()
        self._book.recover()
        self._watch.plan()

    async def close(self) -> None:
        await self._watch.close()
        await self._keeper.close()

    def handlers(self) -> dict[str, Handler]:
        return {f"cloudwatch.{name}": _handler(answer) for name, answer in (self._metrics() | self._alarms()).items()}

    def _metrics(self) -> dict[str, _Answer]:
        data, now = self._data, self._clock.time
        return {
            "PutMetricData": lambda request: put_metric_data(data, request, now()),
            "GetMetricData": lambda request: get.get_metric_data(data, request, now()),
            "GetMetricStatistics": lambda request: get.get_metric_statistics(data, request),
            "ListMetrics": lambda request: get.list_metrics(data, request, now()),
        }

    def _alarms(self) -> dict[str, _Answer]:
        book = self._book
        return {
            "PutMetricAlarm": lambda request: self._put(METRIC, request),
            "PutCompositeAlarm": lambda request: self._put(COMPOSITE, request),
            "DeleteAlarms": self._delete,
            "DescribeAlarms": lambda request: describe.describe_alarms(book, request),
            "DescribeAlarmsForMetric": lambda request: describe.describe_alarms_for_metric(book, request),
            "DescribeAlarmHistory": lambda request: describe.describe_alarm_history(book, request),
            "SetAlarmState": lambda request: manage.set_state(book, request),
            "EnableAlarmActions": lambda request: manage.enable_actions(book, request["AlarmNames"], enabled=True),
            "DisableAlarmActions": lambda request: manage.enable_actions(book, request["AlarmNames"], enabled=False),
            "TagResource": lambda request: manage.tag(book, request["ResourceARN"], request["Tags"]),
            "UntagResource": lambda request: manage.untag(book, request["ResourceARN"], request["TagKeys"]),
            "ListTagsForResource": lambda request: {"Tags": manage.alarm_at(book, request["ResourceARN"]).resource.body["Tags"]},
        }

    def _put(self, kind: str, request: Request) -> None:
        manage.put(self._book, kind, request, place=self._place, now=self._clock.time())
        self._watch.plan()

    def _delete(self, request: Request) -> None:
        manage.delete(self._book, request["AlarmNames"])
        self._watch.plan()


def _handler(answer: _Answer) -> Handler:
    async def handle(request: Request) -> Document:
        given = answer(request)
        return (await given if isawaitable(given) else given) or {}

    return handle
