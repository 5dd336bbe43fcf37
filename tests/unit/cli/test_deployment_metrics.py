"""What is asked of CloudWatch, against the local service's own, and what is kept beside the journal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sagelens.cli.deployment_metrics import Source, fleets_of, guards_of, latest, observe, observed_of
from sagelens.deployment import Record
from tests.unit.cli.conftest import Bucket, World, record_of
from tests.unit.report.rollouts import ALARMS, NEW, OLD

VARIANT = "AllTraffic"
_EVENT: dict[str, Any] = {"kind": "begun", "phase": "begin", "message": "", "time": 0.0}


@pytest.fixture
def cloudwatch(world: World) -> Iterator[Any]:
    client = world.client()
    yield client
    client.close()


def serve(world: World, config: str, *, latencies: tuple[float, ...], failing: int = 0) -> None:
    named = {"EndpointName": "delays", "VariantName": VARIANT, "EndpointConfigName": config}
    world.record("Invocations", *([1.0] * len(latencies)), **named)
    world.record("ModelLatency", *latencies, **named)
    world.record("Invocation5XXErrors", *[float(number < failing) for number in range(len(latencies))], **named)


def deployed(world: World, seconds: float = 120) -> Record:
    """A deployment that began now and ends after so long; the clock is moved there."""
    start = world.clock.time()
    world.advance(seconds)
    return record_of(started=start, finished=start + seconds, updated=start + seconds, events=({**_EVENT, "time": start},))


def test_the_fleets_are_told_apart_by_their_configs(world: World, cloudwatch: Any) -> None:
    serve(world, OLD, latencies=(2000.0, 4000.0))
    serve(world, NEW, latencies=(9000.0, 9000.0, 9000.0), failing=1)

    found = observe(deployed(world), variant=VARIANT, clock="60x", cloudwatch=cloudwatch)

    totals = {fleet: sum(value for _, value in found["fleets"][fleet]["Invocations"]) for fleet in ("old", "new")}
    assert totals == {"old": 2, "new": 3}
    assert [value for _, value in found["fleets"]["new"]["Invocation5XXErrors"]] == [1]
    assert found["fleets"]["new"]["ModelLatency p99"][0][1] == pytest.approx(9000, rel=0.05)
    assert found["clock"] == "60x"


def test_points_a_minute_are_taken_where_there_are_none_closer(world: World, cloudwatch: Any) -> None:
    found = observe(deployed(world, 100), variant=VARIANT, clock="", cloudwatch=cloudwatch)

    assert found["period"] == 60
    assert found["fleets"]["new"]["Invocations"] == []


def test_a_long_deployment_is_asked_for_in_longer_periods(world: World, cloudwatch: Any) -> None:
    serve(world, NEW, latencies=(1000.0,))

    short = observe(deployed(world, 300), variant=VARIANT, clock="", cloudwatch=cloudwatch)["period"]
    serve(world, NEW, latencies=(1000.0,))
    long = observe(deployed(world, 7200), variant=VARIANT, clock="", cloudwatch=cloudwatch)["period"]

    assert short < 60 <= long


def test_changes_of_an_alarm_are_known_although_it_was_removed(world: World, cloudwatch: Any) -> None:
    (name,) = guards_of(record_of())
    start = world.clock.time()
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    world.advance(5)
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="too many")
    cloudwatch.delete_alarms(AlarmNames=[name])
    record = record_of(started=start, finished=start + 20)

    changes = observe(record, variant=VARIANT, clock="", cloudwatch=cloudwatch)["alarms"][name]["changes"]

    assert [(state, reason) for _, state, reason in changes] == [("INSUFFICIENT_DATA", ""), ("ALARM", "too many")]
    assert changes[1][0] == pytest.approx(start + 5, abs=1)


def test_what_was_observed_is_kept_beside_the_journal_and_read_from_there(world: World, cloudwatch: Any, bucket: Bucket) -> None:
    serve(world, NEW, latencies=(1000.0,))
    record = deployed(world)

    def ask(client: Any) -> dict[str, Any]:
        return observed_of(record, bucket="b", variant=VARIANT, clock="1x", cloudwatch=client, s3=bucket)

    found = ask(cloudwatch)

    assert list(bucket.objects) == [f"deployments-observed/delays/{record.key.rpartition('/')[2]}"]
    assert ask(None) == found


def test_nothing_is_kept_of_a_deployment_under_way(world: World, cloudwatch: Any, bucket: Bucket) -> None:
    record = record_of(finished=None, outcome="under way")

    observed_of(record, bucket="b", variant=VARIANT, clock="1x", cloudwatch=cloudwatch, s3=bucket)

    assert bucket.objects == {}


def test_the_latest_figures_are_those_of_the_last_whole_minute(world: World, cloudwatch: Any) -> None:
    serve(world, NEW, latencies=(1000.0,) * 4)
    world.advance(65)
    serve(world, NEW, latencies=(1000.0,))

    figures = latest(fleets_of(record_of(), VARIANT), now=world.clock.time(), cloudwatch=cloudwatch)

    assert figures["new"]["Invocations"] == 4
    assert figures["old"] == {}


def test_figures_older_than_a_minute_are_not_shown_as_the_latest(world: World, cloudwatch: Any) -> None:
    serve(world, NEW, latencies=(1000.0,))
    world.advance(180)

    assert latest(fleets_of(record_of(), VARIANT), now=world.clock.time(), cloudwatch=cloudwatch) == {"old": {}, "new": {}}


def test_trials_count_for_the_fleet_whose_model_they_serve() -> None:
    fleets = fleets_of(record_of(trial_configs=["delays-trial"]), VARIANT)

    assert fleets.old == (Source(OLD, VARIANT), Source("delays-trial", VARIANT))
    assert fleets.new == (Source(NEW, VARIANT), Source("delays-trial", "v3"), Source("delays-trial", "v3-shadow"))


def test_a_new_endpoint_has_no_old_fleet() -> None:
    assert fleets_of(record_of(previous_config=None), VARIANT).old == ()


def test_alarms_have_the_names_that_the_deployer_gives_them() -> None:
    assert list(guards_of(record_of(alarms=[*ALARMS, {"kind": "alarm", "name": "mine"}]))) == [f"{NEW}-errors", "mine"]
    assert guards_of(record_of(alarms={"waived": "no traffic"})) == {}
