"""CloudWatch of a real service on a fast clock, found by boto3 through the environment alone, and killed in between."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from sagelens.local import lifecycle


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SAGELENS_FORK", "0")
    yield tmp_path
    lifecycle.stop(tmp_path)


@pytest.fixture
def connect(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    clients = []

    def connecting() -> Any:
        lifecycle.start(root, account="000000000000", region="eu-west-1", clock=600.0)
        for name, value in lifecycle.environment(root).items():
            monkeypatch.setenv(name, value)
        clients.append(boto3.Session().client("cloudwatch"))
        return clients[-1]

    yield connecting
    for client in clients:
        client.close()


def until_rung(client: Any) -> Any:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        (alarm,) = client.describe_alarms(AlarmNames=["rows"])["MetricAlarms"]
        if alarm["StateValue"] == "ALARM":
            return alarm
        time.sleep(0.02)
    raise AssertionError("the alarm did not ring")


def test_an_alarm_rings_on_the_fast_clock_and_outlives_the_service(root: Path, connect: Callable[[], Any]) -> None:
    client = connect()
    client.put_metric_alarm(
        AlarmName="rows",
        Namespace="Flights",
        MetricName="Rows",
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    answer = client.put_metric_data(Namespace="Flights", MetricData=[{"MetricName": "Rows", "Value": 5.0}])
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-sagelens-clock"] == "600x"
    rung = until_rung(client)

    running = lifecycle.status(root)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    os.waitpid(running.pid, 0)
    again = connect()
    answer = again.describe_alarms(AlarmNames=["rows"])
    assert answer["MetricAlarms"][0]["StateUpdatedTimestamp"] == rung["StateUpdatedTimestamp"]
    now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    assert now > rung["StateUpdatedTimestamp"]
