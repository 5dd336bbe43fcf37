"""When a shadow counts as worse than production, and what of a fleet is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from sagelens.deployment.alarms import Fleet
from sagelens.deployment.metrics import Figures, figures_of, regression
from sagelens.deployment.strategy import Shadow

FLEET = Fleet(endpoint="flights", config="flights-1", variant="AllTraffic")
START = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}


def figures(errors: float, latency: float | None) -> Figures:
    return Figures(invocations=1000, errors=errors, latency=latency)


@pytest.mark.parametrize(
    ("errors", "latency", "worse"),
    [
        (20, 0.100, ""),
        (30, 0.100, ""),
        (31, 0.100, "error rate"),
        (20, 0.200, ""),
        (20, 0.201, "latency"),
        (31, 0.300, "error rate"),
        (20, None, ""),
    ],
)
def test_a_shadow_is_worse_beyond_its_margins(errors: float, latency: float | None, worse: str) -> None:
    said = regression(figures(20, 0.100), figures(errors, latency), Shadow(error_margin=0.01, latency_margin=1.0))

    assert worse in said if worse else said == ""


def test_a_fast_model_may_be_slower_by_the_floor() -> None:
    strategy = Shadow(latency_margin=0.5, latency_floor=0.05)

    assert regression(figures(0, 0.002), figures(0, 0.050), strategy) == ""
    assert "53.0 ms" in regression(figures(0, 0.002), figures(0, 0.053), strategy)


def test_both_are_told_when_both_are_worse() -> None:
    assert " and " in regression(figures(0, 0.1), figures(100, 1), Shadow())


def test_latencies_of_a_long_span_weigh_by_their_requests() -> None:
    cloudwatch = boto3.session.Session().client("cloudwatch", **KEYS)
    late = START + timedelta(minutes=2)
    asked: dict[str, Any] = {
        "Namespace": "AWS/SageMaker",
        "Dimensions": [
            {"Name": "EndpointName", "Value": "flights"},
            {"Name": "VariantName", "Value": "AllTraffic"},
            {"Name": "EndpointConfigName", "Value": "flights-1"},
        ],
        "StartTime": START,
        "EndTime": START + timedelta(days=3, minutes=1),
        "Period": 240,
    }
    sums = [{"Timestamp": START, "Sum": 90.0}, {"Timestamp": late, "Sum": 10.0}]
    slow = [
        {"Timestamp": START, "ExtendedStatistics": {"p95": 100_000.0}},
        {"Timestamp": late, "ExtendedStatistics": {"p95": 1_100_000.0}},
    ]
    with Stubber(cloudwatch) as stub:
        stub.add_response(
            "get_metric_statistics", {"Datapoints": sums}, {**asked, "MetricName": "Invocations", "Statistics": ["Sum"]}
        )
        stub.add_response("get_metric_statistics", {"Datapoints": []}, {**asked, "MetricName": ANY, "Statistics": ["Sum"]})
        stub.add_response(
            "get_metric_statistics", {"Datapoints": slow}, {**asked, "MetricName": "ModelLatency", "ExtendedStatistics": ["p95"]}
        )

        found = figures_of(FLEET, since=START.timestamp(), until=START.timestamp() + 3 * 86400, cloudwatch=cloudwatch)

    assert (found.invocations, found.errors) == (100, 0)
    assert found.latency == pytest.approx(0.2)
