"""AWS's limits on deployments and configurations, both sides of each."""

from __future__ import annotations

from typing import Any

import pytest

from sagelens.local.endpoints.limits import check_capacity, check_deployment, check_endpoint_config
from sagelens.local.ports import ApiError
from tests.unit.local_endpoints.conftest import variant


def size(value: int, kind: str = "CAPACITY_PERCENT") -> dict[str, Any]:
    return {"Type": kind, "Value": value}


def blue_green(kind: str = "ALL_AT_ONCE", wait: int = 0, routing: dict[str, Any] | None = None, **policy: Any) -> dict[str, Any]:
    traffic = {"Type": kind, "WaitIntervalInSeconds": wait, **(routing or {})}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic, **policy}}


def rolling(batch: dict[str, Any], wait: int = 0, **policy: Any) -> dict[str, Any]:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": batch, "WaitIntervalInSeconds": wait, **policy}}


ALLOWED = [
    (blue_green(wait=3600, TerminationWaitInSeconds=3600, MaximumExecutionTimeoutInSeconds=28800), 1),
    (blue_green(TerminationWaitInSeconds=599, MaximumExecutionTimeoutInSeconds=600), 1),
    (blue_green("CANARY", routing={"CanarySize": size(1)}), 1),
    (blue_green("CANARY", routing={"CanarySize": size(50)}), 1),
    (blue_green("CANARY", routing={"CanarySize": size(2, "INSTANCE_COUNT")}), 5),
    (blue_green("LINEAR", routing={"LinearStepSize": size(10)}), 3),
    (blue_green("LINEAR", 60, {"LinearStepSize": size(50)}, MaximumExecutionTimeoutInSeconds=600), 3),
    (blue_green("LINEAR", 199, {"LinearStepSize": size(1, "INSTANCE_COUNT")}, MaximumExecutionTimeoutInSeconds=600), 4),
    (rolling(size(5)), 4),
    (rolling(size(50), RollbackMaximumBatchSize=size(100)), 4),
    (rolling(size(50), RollbackMaximumBatchSize=size(5)), 4),
    (rolling(size(50), RollbackMaximumBatchSize=size(4, "INSTANCE_COUNT")), 4),
    (rolling(size(2, "INSTANCE_COUNT"), 3600, MaximumExecutionTimeoutInSeconds=28800), 4),
    (rolling(size(2, "INSTANCE_COUNT")), 5),
    (rolling(size(5), 149, MaximumExecutionTimeoutInSeconds=600), 4),
    (blue_green("CANARY", 3600, {"CanarySize": size(50)}, TerminationWaitInSeconds=3600), 2),
    (blue_green("LINEAR", 2799, {"LinearStepSize": size(10)}, TerminationWaitInSeconds=3600), 2),
    (blue_green("LINEAR", routing={"LinearStepSize": size(2, "INSTANCE_COUNT")}), 4),
]
REFUSED = [
    ({}, 1, "exactly one.*neither"),
    ({**blue_green(), **rolling(size(10))}, 1, "exactly one.*both"),
    (blue_green(wait=3601), 1, "WaitIntervalInSeconds: 3601"),
    (blue_green(TerminationWaitInSeconds=3601), 1, "TerminationWaitInSeconds: 3601"),
    (blue_green(MaximumExecutionTimeoutInSeconds=599), 1, "MaximumExecutionTimeoutInSeconds: 599"),
    (blue_green(MaximumExecutionTimeoutInSeconds=28801), 1, "MaximumExecutionTimeoutInSeconds: 28801"),
    (blue_green(TerminationWaitInSeconds=600, MaximumExecutionTimeoutInSeconds=600), 1, "more than all waits together, 600"),
    (blue_green("CANARY"), 1, "CanarySize belongs to Type CANARY"),
    (blue_green(routing={"CanarySize": size(10)}), 1, "CanarySize belongs to Type CANARY.*is ALL_AT_ONCE"),
    (blue_green("CANARY", routing={"CanarySize": size(51)}), 1, "51 percent is not within 1 and 50"),
    (blue_green("CANARY", routing={"CanarySize": size(1, "INSTANCE_COUNT")}), 1, "1 of the 1 instances.*Use CAPACITY_PERCENT"),
    (blue_green("CANARY", routing={"CanarySize": size(3, "INSTANCE_COUNT")}), 5, "At most 2"),
    (blue_green("LINEAR", routing={"LinearStepSize": size(9)}), 1, "9 percent is not within 10 and 50"),
    (blue_green("LINEAR", routing={"LinearStepSize": size(51)}), 1, "51 percent"),
    (blue_green("LINEAR", 200, {"LinearStepSize": size(25)}, MaximumExecutionTimeoutInSeconds=600), 4, "waits together, 600"),
    (rolling(size(4)), 4, "4 percent is not within 5 and 50"),
    (rolling(size(51)), 4, "51 percent"),
    (rolling(size(50), 300, MaximumExecutionTimeoutInSeconds=600), 4, "waits together, 600"),
    (rolling(size(3, "INSTANCE_COUNT")), 5, "At most 2"),
    (rolling(size(1, "INSTANCE_COUNT")), 1, "1 of the 1 instances.*Use CAPACITY_PERCENT"),
    (rolling(size(50), 3601), 4, "WaitIntervalInSeconds: 3601"),
    (rolling(size(50), MaximumExecutionTimeoutInSeconds=599), 4, "MaximumExecutionTimeoutInSeconds: 599"),
    (rolling(size(50), MaximumExecutionTimeoutInSeconds=28801), 4, "MaximumExecutionTimeoutInSeconds: 28801"),
    (rolling(size(5), 150, MaximumExecutionTimeoutInSeconds=600), 4, "waits together, 600"),
    (rolling(size(50), RollbackMaximumBatchSize=size(4)), 4, "RollbackMaximumBatchSize: 4 percent"),
    (rolling(size(50), RollbackMaximumBatchSize=size(101)), 4, "RollbackMaximumBatchSize: 101 percent"),
    (rolling(size(50), RollbackMaximumBatchSize=size(5, "INSTANCE_COUNT")), 4, "At most 4"),
    (blue_green("LINEAR", 2800, {"LinearStepSize": size(10)}, TerminationWaitInSeconds=3600), 2, "waits together, 28800"),
    (blue_green("LINEAR", routing={"LinearStepSize": size(3, "INSTANCE_COUNT")}), 4, "At most 2"),
    (blue_green("LINEAR", routing={"LinearStepSize": size(1, "INSTANCE_COUNT")}), 11, "not within 10 and 50 percent"),
    ({**blue_green(), "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": " "}]}}, 1, "must not be blank"),
]


@pytest.mark.parametrize(("config", "count"), ALLOWED)
def test_allowed(config: dict[str, Any], count: int) -> None:
    check_deployment(config, {"AllTraffic": count})


@pytest.mark.parametrize(("config", "count", "message"), REFUSED)
def test_refused(config: dict[str, Any], count: int, message: str) -> None:
    with pytest.raises(ApiError, match=message) as refused:
        check_deployment(config, {"AllTraffic": count})

    assert refused.value.code == "ValidationException"


def test_rolling_takes_one_variant() -> None:
    with pytest.raises(ApiError, match=r"several production variants \(A, B\)"):
        check_deployment(rolling(size(50)), {"A": 2, "B": 2})


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"ProductionVariants": [variant("m"), variant("m")]}, "must be unique.*AllTraffic"),
        ({"ProductionVariants": [variant("m", InitialVariantWeight=0.0)]}, "InitialVariantWeight above 0"),
        ({"ProductionVariants": [variant("m", ServerlessConfig={"MemorySizeInMB": 1024})]}, "Serverless inference"),
        ({"ProductionVariants": [{"VariantName": "A", "ModelName": "m", "InstanceType": "ml.m5.large"}]}, "InitialInstanceCount"),
        ({"ProductionVariants": [variant("m")], "AsyncInferenceConfig": {}}, "Asynchronous inference"),
    ],
)
def test_a_config_that_cannot_be_served_is_refused(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError, match=message):
        check_endpoint_config(request_)


def test_more_servers_than_the_machine_should_hold_are_refused() -> None:
    check_capacity("flights", {"A": 4, "B": 4}, {"A": "ml.m5.large"})
    with pytest.raises(ApiError, match=r"limit 'ml\.m5\.large for endpoint usage' is 8.*request of 9") as refused:
        check_capacity("flights", {"A": 4, "B": 5}, {"A": "ml.m5.large"})

    assert refused.value.code == "ResourceLimitExceeded"
