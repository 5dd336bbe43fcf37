"""The deployer against SageMaker and CloudWatch as AWS documents their answers, for every way that a deployment can go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sagelens.deployment import Event, EventKind, OnInconclusive, deployment_config, rollback
from sagelens.deployment.journal import Record
from sagelens.deployment.staging import staging_name
from sagelens.deployment.trial_configs import shadow_config, weighted_config
from sagelens.errors import (
    BadConfig,
    Inconclusive,
    NotFound,
    Refused,
    RollbackFailed,
    RolledBack,
    StepFailed,
)
from sagelens.values.grammar import alarms_of, strategy_of
from tests.conformance.stubbed_aws import (
    BUCKET,
    DIGEST,
    ENDPOINT,
    ERRORS,
    FIRED,
    NEW,
    NOW,
    OLD,
    PREFIX,
    RELEASE,
    START,
    Aws,
    an_order,
    live_config,
)

STAGED = {
    "all-at-once": "all-at-once:termination_wait=5m",
    "canary": "canary:size=25%,wait=10m,termination_wait=5m",
    "linear": "linear:size=25%,wait=10m",
    "rolling": "rolling:size=1,wait=10m",
}
ROLLOUTS = list(STAGED)
UPDATING: dict[str, Any] = {"status": "Updating", "pending": NEW}
WAIVED = {"waived": "nobody calls it yet"}
SHADOW = strategy_of("shadow:sampling=50%,duration=1h")
WEIGHTED = strategy_of("weighted:share=10%,duration=30m")
WEIGHTS = {"AllTraffic": 0.9, "v3": 0.1}
SHADOWED: dict[str, Any] = shadow_config(live_config(), RELEASE, SHADOW)  # type: ignore[arg-type]
BESIDE = weighted_config(live_config(), RELEASE)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with Aws() as made:
        yield made
        made.check_roles()


def policy(kind: str) -> dict[str, Any]:
    return deployment_config(strategy_of(STAGED[kind]), instances=4)  # type: ignore[arg-type]


# -- rollouts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ROLLOUTS)
def test_a_rollout_lands_and_its_alarm_goes(aws: Aws, kind: str) -> None:
    aws.begins(policy(kind))
    aws.shows(**UPDATING, at=5)
    aws.shows(**UPDATING, baking="Baking for 600 seconds (WaitInterval)", at=65)
    aws.shows("InService", NEW, at=900)
    aws.ends(at=900)
    aws.keeps(NEW, OLD)

    done = aws.deploy(an_order(STAGED[kind]))

    assert (done.config, done.previous_config, done.changed) == (NEW, OLD, True)
    record = aws.recorded()
    assert (record["outcome"], record["serves"], record["who"], record["why"]) == ("landed", NEW, "ann", "a better model")
    assert record["finished"] - record["started"] == 900


@pytest.mark.parametrize("kind", ROLLOUTS)
def test_a_rollout_that_an_alarm_undid_is_rolled_back_and_says_why(aws: Aws, kind: str) -> None:
    aws.begins(policy(kind))
    aws.shows(**UPDATING, baking="Baking", at=60)
    aws.shows("InService", OLD, at=120)
    aws.rang()
    aws.ends(OLD)

    with pytest.raises(RolledBack, match=f"alarm {ERRORS} rang at .* UTC: Threshold Crossed") as raised:
        aws.deploy(an_order(STAGED[kind]))

    assert raised.value.exit_code == 5
    assert (aws.recorded()["outcome"], aws.recorded()["serves"]) == ("rolled back", OLD)


def test_a_fleet_that_failed_its_health_check_tells_sagemakers_reason(aws: Aws) -> None:
    aws.begins(policy("canary"))
    aws.shows(**UPDATING)
    aws.shows("InService", OLD, reason="The primary container did not pass the ping health check")
    aws.is_quiet()
    aws.ends(OLD)

    with pytest.raises(RolledBack, match="did not pass the ping health check"):
        aws.deploy(an_order(STAGED["canary"]))


def test_an_alarm_goes_only_once_nothing_moves_any_more(aws: Aws) -> None:
    aws.begins(policy("canary"))
    aws.shows(**UPDATING)
    aws.shows(**UPDATING, at=20_000)
    aws.shows(**UPDATING, at=20_000)

    with pytest.raises(Inconclusive, match=r"did not settle .* Deploy again to go on waiting"):
        aws.deploy(an_order(STAGED["canary"]))

    assert aws.recorded()["outcome"] == "under way"


def test_traffic_shares_are_told_as_the_bakes_are_seen(aws: Aws) -> None:
    aws.begins(policy("canary"))
    aws.shows(**UPDATING)
    aws.shows(**UPDATING, baking="Baking for 600 s (WaitInterval)", at=60)
    aws.shows(**UPDATING, baking="Baking for 300 s (TerminationWait)", at=700)
    aws.shows("InService", NEW, at=1100)
    aws.ends()
    aws.keeps(NEW)

    aws.deploy(an_order(STAGED["canary"]))

    shares = [event.numbers["traffic_share"] for event in aws.events if "traffic_share" in event.numbers]
    assert shares == [0, 0, 0.25, 1, 1]
    assert aws.recorded()["events"][-1]["kind"] == "ended"


def test_a_rollback_that_failed_is_said_to_and_a_later_deployment_leads_out_of_it(aws: Aws) -> None:
    aws.begins(policy("rolling"))
    aws.shows("UpdateRollbackFailed", OLD)
    aws.rang()
    aws.ends(OLD, status="UpdateRollbackFailed")
    with pytest.raises(RollbackFailed, match="serves a mixture") as raised:
        aws.deploy(an_order(STAGED["rolling"]))
    assert raised.value.exit_code == 9

    aws.shows("UpdateRollbackFailed", at=60)
    aws.has_no_leftovers()
    aws.shows("UpdateRollbackFailed", at=60)
    assert RELEASE.model_request is not None
    assert RELEASE.config_request is not None
    aws.says("describe_model", {**RELEASE.model_request, "ModelArn": f"{PREFIX}:model/m", "CreationTime": START})
    arn = f"{PREFIX}:endpoint-config/c"
    aws.says("describe_endpoint_config", {**RELEASE.config_request, "EndpointConfigArn": arn, "CreationTime": START})
    aws.updates(NEW, DeploymentConfig=deployment_config(strategy_of("all-at-once"), instances=4))  # type: ignore[arg-type]
    aws.shows("InService", NEW)
    aws.shows("InService", NEW)
    aws.keeps(NEW)

    assert aws.deploy(an_order("all-at-once", WAIVED)).config == NEW


# -- new endpoints -------------------------------------------------------------------------------------------------------


def creates(aws: Aws) -> None:
    aws.lacks("describe_endpoint")
    aws.has_no_leftovers()
    aws.makes_model()
    aws.makes_config()
    asked = {"EndpointName": ENDPOINT, "EndpointConfigName": NEW}
    aws.says("create_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/flights"}, asked)


def test_a_new_endpoint_is_created_whatever_the_strategy(aws: Aws) -> None:
    creates(aws)
    aws.shows("Creating", NEW)
    aws.shows("InService", NEW)
    aws.shows("InService", NEW)
    aws.keeps(NEW)

    done = aws.deploy(an_order(["shadow", STAGED["canary"]], WAIVED))

    assert (done.config, done.previous_config) == (NEW, None)


def test_a_new_endpoint_that_does_not_start_says_why(aws: Aws) -> None:
    creates(aws)
    aws.shows("Failed", NEW, reason="no ping")
    aws.shows("Failed", NEW)

    with pytest.raises(StepFailed, match=r"did not come up with .*: no ping"):
        aws.deploy(an_order("all-at-once", WAIVED))
    assert aws.recorded()["outcome"] == "failed"


def test_an_endpoint_that_failed_is_made_anew(aws: Aws) -> None:
    aws.shows("Failed", OLD)
    aws.has_no_leftovers()
    aws.makes_model()
    aws.makes_config()
    aws.says("delete_endpoint", {}, {"EndpointName": ENDPOINT})
    aws.shows("Deleting", OLD)
    aws.lacks("describe_endpoint")
    aws.says("create_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/flights"})
    aws.shows("InService", NEW)
    aws.shows("InService", NEW)
    aws.keeps(NEW)

    assert aws.deploy(an_order("all-at-once", WAIVED)).previous_config is None


# -- once, and again -----------------------------------------------------------------------------------------------------


def test_what_serves_already_is_left_alone_and_not_journalled(aws: Aws) -> None:
    aws.shows("InService", NEW)

    assert not aws.deploy(an_order(STAGED["canary"])).changed
    assert aws.bucket.puts == []


def under_way(aws: Aws, strategy: Any = STAGED["canary"], **more: Any) -> Record:
    from sagelens.deployment.run import record_of

    record = replace(record_of(an_order(strategy), None, started=START - 300), previous_config=OLD, **more)
    aws.journal.put(record)
    return record


def test_a_deployment_that_crashed_is_followed_to_its_end_with_its_alarm(aws: Aws) -> None:
    under_way(aws)
    aws.shows(**UPDATING)
    aws.finds_alarm()  # a leftover check that must keep it
    aws.says("list_endpoints", {"Endpoints": []})
    aws.shows(**UPDATING)
    aws.shows(**UPDATING, at=60)
    aws.shows("InService", NEW, at=600)
    aws.ends()
    aws.keeps(NEW)

    done = aws.deploy(an_order(STAGED["canary"]))

    assert (done.config, done.previous_config) == (NEW, OLD)
    assert len(aws.journal.keys()) == 1
    assert aws.events[0].kind is EventKind.RESUMED or EventKind.RESUMED in [event.kind for event in aws.events]


def test_a_deployment_that_crashed_after_landing_is_concluded(aws: Aws) -> None:
    under_way(aws)
    aws.shows("InService", NEW)
    aws.finds_alarm()
    aws.says("list_endpoints", {"Endpoints": []})
    aws.shows("InService", NEW)
    aws.ends()
    aws.keeps(NEW)

    assert aws.deploy(an_order(STAGED["canary"])).previous_config == OLD
    assert aws.recorded()["outcome"] == "landed"


def test_a_deployment_that_was_undone_while_nobody_looked_is_rolled_back_and_not_tried_again(aws: Aws) -> None:
    begun = Event(kind=EventKind.PHASE, time=START - 200, phase="canary", message="canary of 25%")
    under_way(aws, events=(begun,))
    aws.shows("InService")
    aws.finds_alarm()
    aws.says("list_endpoints", {"Endpoints": []})
    aws.shows("InService")
    aws.rang()
    aws.ends(OLD)

    with pytest.raises(RolledBack, match=f"alarm {ERRORS} rang"):
        aws.deploy(an_order(STAGED["canary"]))


def test_of_two_starts_of_the_same_deployment_the_slower_follows_the_faster(aws: Aws) -> None:
    aws.shows("InService")
    aws.has_no_leftovers()
    aws.shows("InService")
    aws.lacks("describe_model", "model")
    aws.sagemaker.add_client_error("create_model", "ValidationException", "Cannot create already existing model")
    assert RELEASE.model_request is not None
    aws.says("describe_model", {**RELEASE.model_request, "ModelArn": f"{PREFIX}:model/m", "CreationTime": START})
    aws.makes_config()
    aws.makes_alarm()
    aws.sagemaker.add_client_error("update_endpoint", "ValidationException", "Cannot update in-progress endpoint")
    aws.shows(**UPDATING)
    aws.shows(**UPDATING)
    aws.shows("InService", NEW)
    aws.ends()
    aws.keeps(NEW)

    assert aws.deploy(an_order(STAGED["canary"])).config == NEW


def test_alarms_and_a_record_that_a_crash_left_are_cleared_by_the_next_deployment(aws: Aws) -> None:
    left = replace(under_way(aws), config="flights-cccccccccccc-000009", started=START - 600)
    aws.forgets_journal()
    aws.journal.put(left)
    aws.shows("InService")
    aws.removes_alarm(left.config)
    aws.says("list_endpoints", {"Endpoints": []})
    aws.shows("InService")
    aws.makes_model()
    aws.makes_config()
    aws.updates(NEW, DeploymentConfig=policy("all-at-once"))
    aws.shows("InService", NEW)
    aws.shows("InService", NEW)
    aws.keeps(NEW)

    aws.deploy(an_order(STAGED["all-at-once"], WAIVED))

    closed = aws.journal.read(left.key)
    assert (str(closed.outcome), closed.serves) == ("failed", OLD)


# -- refusals ------------------------------------------------------------------------------------------------------------


def test_an_alarm_that_rings_before_the_start_is_refused(aws: Aws) -> None:
    aws.shows("InService")
    aws.has_no_leftovers()
    aws.shows("InService")
    aws.makes_model()
    aws.makes_config()
    aws.makes_alarm(state="ALARM")
    aws.ends(OLD)

    with pytest.raises(Refused, match="is in ALARM already"):
        aws.deploy(an_order(STAGED["canary"]))


def test_force_starts_although_an_alarm_rings(aws: Aws) -> None:
    aws.shows("InService")
    aws.has_no_leftovers()
    aws.shows("InService")
    aws.makes_model()
    aws.makes_config()
    aws.makes_alarm(state="ALARM")
    aws.says("update_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/flights"})
    aws.shows("InService", NEW)
    aws.ends()
    aws.keeps(NEW)

    assert aws.deploy(an_order(STAGED["canary"], force=True)).changed


def test_an_alarm_that_does_not_exist_is_named(aws: Aws) -> None:
    aws.shows("InService")
    aws.has_no_leftovers()
    aws.shows("InService")
    aws.makes_model()
    aws.makes_config()
    aws.cloudwatch.add_response("describe_alarms", {"MetricAlarms": []})
    aws.shows("InService")
    aws.cloudwatch.add_response("describe_alarms", {"MetricAlarms": []})

    with pytest.raises(NotFound, match="no alarm named on-call"):
        aws.deploy(an_order(STAGED["canary"], [{"kind": "alarm", "name": "on-call"}]))


def test_an_endpoint_that_something_else_is_changing_is_left_alone(aws: Aws) -> None:
    aws.shows("Updating", pending="flights-ffffffffffff-ffffff")

    with pytest.raises(Refused, match="can be updated only while InService"):
        aws.deploy(an_order())
    assert aws.bucket.puts == []


def test_a_strategy_that_does_not_fit_the_fleet_is_refused_before_anything_is_touched(aws: Aws) -> None:
    aws.shows("InService")

    with pytest.raises(BadConfig, match="canary size is 3 of 4 instances"):
        aws.deploy(an_order("canary:size=3,wait=1m"))
    assert aws.bucket.puts == []


def test_a_config_of_that_name_with_other_content_is_not_overwritten(aws: Aws) -> None:
    aws.shows("InService")
    aws.has_no_leftovers()
    aws.shows("InService")
    aws.makes_model()
    aws.says("describe_endpoint_config", live_config(NEW))
    aws.shows("InService")

    with pytest.raises(Refused, match=r"Endpoint config .* is not what this deployment would create"):
        aws.deploy(an_order("all-at-once", WAIVED))
    assert aws.recorded()["outcome"] == "failed"


# -- traffic -------------------------------------------------------------------------------------------------------------


def lands_with(aws: Aws, requests: float) -> None:
    aws.begins(policy("canary"))
    aws.shows("InService", NEW, at=1000)
    aws.shows("InService", NEW, at=1000)
    aws.counted(requests)


def test_enough_requests_under_watch_are_a_proof(aws: Aws) -> None:
    lands_with(aws, 500)
    aws.ends()
    aws.keeps(NEW)

    assert aws.deploy(an_order(STAGED["canary"], minimum_invocations=100)).changed


def test_too_few_requests_are_inconclusive_and_the_new_model_stays(aws: Aws) -> None:
    lands_with(aws, 3)
    aws.shows("InService", NEW, at=1200)
    aws.counted(7)
    aws.ends()

    with pytest.raises(Inconclusive, match=r"got 7 requests .* at least 100") as raised:
        aws.deploy(an_order(STAGED["canary"], minimum_invocations=100))

    assert raised.value.exit_code == 7
    assert (aws.recorded()["outcome"], aws.recorded()["serves"]) == ("inconclusive", NEW)


def test_too_few_requests_put_the_old_model_back_where_that_is_declared(aws: Aws) -> None:
    lands_with(aws, 3)
    aws.shows("InService", NEW, at=1200)
    aws.counted(7)
    goes_back(aws)
    aws.ends(OLD)

    with pytest.raises(Inconclusive, match=f"{OLD} serves again"):
        aws.deploy(an_order(STAGED["canary"], minimum_invocations=100, on_inconclusive=OnInconclusive.ROLLBACK))
    assert aws.recorded()["serves"] == OLD


# -- trials --------------------------------------------------------------------------------------------------------------


def begins_trial(aws: Aws, config: dict[str, Any], *, alarm: bool) -> str:
    name = str(config["EndpointConfigName"])
    aws.shows("InService")
    aws.has_no_leftovers()
    aws.says("describe_endpoint_config", live_config())
    if alarm:
        aws.makes_alarm(name, "v3")
    aws.shows("InService")
    aws.makes_model()
    aws.makes_config(config)
    return name


def shadows(aws: Aws, *, lasts: bool = True) -> str:
    name = begins_trial(aws, SHADOWED, alarm=False)
    aws.updates(name, ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}])
    aws.shows("Updating", pending=name)
    aws.shows("InService", name, shadow="v3-shadow", at=100)
    aws.shows("InService", name, shadow="v3-shadow", at=200)
    if lasts:
        aws.shows("InService", name, shadow="v3-shadow", at=3800)
        aws.shows("InService", name, shadow="v3-shadow", at=3800)
    return name


def goes_back(aws: Aws, config: str = OLD, at: float = 4000) -> None:
    aws.shows("InService", "tried-out", at=at)
    aws.updates(config, ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}])
    aws.shows("InService", config, at=at)


def test_a_shadow_that_is_no_worse_hands_on_to_the_next_strategy(aws: Aws) -> None:
    shadows(aws)
    aws.counted(1000)
    aws.measured(2000, 20, 0.010)
    aws.measured(1000, 12, 0.012)
    goes_back(aws)
    aws.shows("InService")
    aws.says("describe_model", {**(RELEASE.model_request or {}), "ModelArn": f"{PREFIX}:model/m", "CreationTime": START})
    aws.makes_config()
    aws.updates(NEW, DeploymentConfig=policy("canary"))
    aws.shows("InService", NEW, at=6000)
    aws.shows("InService", NEW, at=6000)
    aws.keeps(NEW)

    assert aws.deploy(an_order([SHADOW, STAGED["canary"]], WAIVED)).config == NEW
    checked = next(event for event in aws.events if event.kind is EventKind.CHECKED and "shadow_error_rate" in event.numbers)
    assert checked.numbers["shadow_error_rate"] == 0.012


@pytest.mark.parametrize(
    ("errors", "latency", "said"),
    [(100, 0.010, r"error rate is 10% against 1%"), (10, 0.500, r"p95 latency is 500\.0 ms against 10\.0 ms")],
)
def test_a_shadow_that_is_worse_is_taken_away_and_nothing_is_rolled_out(
    aws: Aws, errors: float, latency: float, said: str
) -> None:
    shadows(aws)
    aws.counted(1000)
    aws.measured(1000, 10, 0.010)
    aws.measured(1000, errors, latency)
    goes_back(aws)
    aws.shows("InService")

    with pytest.raises(RolledBack, match=said):
        aws.deploy(an_order([SHADOW, STAGED["canary"]], WAIVED))


def test_a_shadow_without_requests_proves_nothing(aws: Aws) -> None:
    shadows(aws)
    aws.counted(0)
    aws.shows("InService", str(SHADOWED["EndpointConfigName"]), shadow="v3-shadow", at=3900)
    aws.counted(0)
    goes_back(aws)
    aws.shows("InService")

    with pytest.raises(Inconclusive, match="cannot be judged"):
        aws.deploy(an_order([SHADOW, STAGED["canary"]], WAIVED))


def weighs(aws: Aws, name: str, weights: dict[str, float], before: dict[str, float], at: float) -> None:
    aws.shows("InService", name, variants=before, at=at)
    asked = [{"VariantName": variant, "DesiredWeight": weight} for variant, weight in weights.items()]
    aws.says(
        "update_endpoint_weights_and_capacities",
        {"EndpointArn": f"{PREFIX}:endpoint/flights"},
        {"EndpointName": ENDPOINT, "DesiredWeightsAndCapacities": asked},
    )
    aws.shows("Updating", name, at=at)
    aws.shows("InService", name, variants=weights, at=at)


def tries_weights(aws: Aws) -> str:
    name = begins_trial(aws, BESIDE, alarm=True)
    aws.updates(name)
    aws.shows("InService", name, variants={"AllTraffic": 1.0, "v3": 0.0}, at=100)
    weighs(aws, name, WEIGHTS, {"AllTraffic": 1.0, "v3": 0.0}, at=100)
    return name


def over(aws: Aws, name: str) -> None:
    """The time of a weighted stage is up, and no alarm ever rang."""
    aws.shows("InService", name, variants=WEIGHTS, at=2000)
    aws.alarm_is("OK", name)
    aws.alarm_is("OK", name)
    aws.is_quiet()


def test_a_weighted_variant_that_ends_the_chain_stays(aws: Aws) -> None:
    name = tries_weights(aws)
    aws.shows("InService", name, variants=WEIGHTS, at=200)
    aws.alarm_is("OK", name)
    over(aws, name)
    aws.shows("InService", name, variants=WEIGHTS, at=2000)
    aws.removes_alarm(name)
    aws.keeps(name, OLD)

    done = aws.deploy(an_order(WEIGHTED))

    assert (done.config, done.variant, aws.recorded()["outcome"]) == (name, "v3", "landed")


def test_an_alarm_of_a_weighted_variant_takes_its_traffic_away_at_once(aws: Aws) -> None:
    name = tries_weights(aws)
    aws.shows("InService", name, variants=WEIGHTS, at=200)
    aws.alarm_is("ALARM", name)
    aws.alarm_is("ALARM", name)
    weighs(aws, name, {"AllTraffic": 1.0, "v3": 0.0}, WEIGHTS, at=210)
    goes_back(aws, at=300)
    aws.shows("InService", at=300)
    aws.removes_alarm(name)

    with pytest.raises(RolledBack, match=f"alarm {name}-errors rang: {FIRED[:17]}"):
        aws.deploy(an_order(WEIGHTED))


def test_an_alarm_that_rang_between_two_looks_counts(aws: Aws) -> None:
    name = tries_weights(aws)
    aws.shows("InService", name, variants=WEIGHTS, at=2000)
    aws.alarm_is("OK", name)
    aws.alarm_is("OK", name)
    aws.rang()
    weighs(aws, name, {"AllTraffic": 1.0, "v3": 0.0}, WEIGHTS, at=2010)
    goes_back(aws, at=2100)
    aws.shows("InService", at=2100)
    aws.removes_alarm(name)

    with pytest.raises(RolledBack, match="rang at"):
        aws.deploy(an_order(WEIGHTED))


def test_of_two_starts_in_a_trial_the_slower_believes_the_alarm_for_which_the_faster_ended_it(aws: Aws) -> None:
    name = tries_weights(aws)
    aws.shows("Updating", name, pending=OLD, variants=WEIGHTS, at=300)
    aws.alarm_is("OK", name)
    aws.rang()
    aws.shows("InService", at=310)
    aws.shows("InService", at=310)
    aws.shows("InService", at=310)
    aws.shows("InService", at=310)
    aws.removes_alarm(name)

    with pytest.raises(RolledBack, match="rang at"):
        aws.deploy(an_order(WEIGHTED))


def test_a_trial_that_somebody_took_back_before_its_time_rolls_nothing_out(aws: Aws) -> None:
    shadows(aws, lasts=False)
    aws.shows("InService", at=500)
    aws.shows("InService", at=500)

    with pytest.raises(StepFailed, match="taken back before its time"):
        aws.deploy(an_order([SHADOW, STAGED["canary"]], WAIVED))


def test_a_trial_that_was_being_taken_back_when_the_deployer_crashed_is_tried_once_more(aws: Aws) -> None:
    name = str(BESIDE["EndpointConfigName"])
    under_way(aws, WEIGHTED, trial_configs=(name,))
    aws.shows("Updating", name, pending=OLD, variants=WEIGHTS)
    aws.cloudwatch.add_response("describe_alarms", {"MetricAlarms": []})
    aws.says("list_endpoints", {"Endpoints": []})
    aws.shows("Updating", name, pending=OLD, variants=WEIGHTS)
    aws.shows("InService")
    aws.says("describe_endpoint_config", live_config())
    aws.makes_alarm(name, "v3")
    aws.shows("InService")
    aws.makes_model()
    aws.makes_config(BESIDE)
    aws.updates(name)
    aws.shows("InService", name, variants={"AllTraffic": 1.0, "v3": 0.0}, at=100)
    weighs(aws, name, WEIGHTS, {"AllTraffic": 1.0, "v3": 0.0}, at=100)
    over(aws, name)
    aws.shows("InService", name, variants=WEIGHTS, at=2000)
    aws.removes_alarm(name)
    aws.keeps(name)

    assert aws.deploy(an_order(WEIGHTED)).config == name


def test_a_weighted_stage_hands_on_to_the_rest_of_the_chain(aws: Aws) -> None:
    name = tries_weights(aws)
    over(aws, name)
    goes_back(aws, at=2100)
    aws.shows("InService", at=2100)
    aws.says("describe_model", {**(RELEASE.model_request or {}), "ModelArn": f"{PREFIX}:model/m", "CreationTime": START})
    aws.makes_config()
    aws.makes_alarm()
    aws.says("update_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/flights"})
    aws.shows("InService", NEW, at=3000)
    aws.ends()
    aws.keeps(NEW)

    assert aws.deploy(an_order([WEIGHTED, STAGED["canary"]])).config == NEW


def test_a_trial_that_something_else_ended_is_noticed(aws: Aws) -> None:
    tries_weights(aws)
    aws.shows("InService", "flights-by-hand", at=200)
    aws.ends("flights-by-hand")

    with pytest.raises(StepFailed, match="something else changed the endpoint: nothing was proved"):
        aws.deploy(an_order(WEIGHTED))


def test_the_next_deployment_takes_back_a_weighted_variant_that_stayed(aws: Aws) -> None:
    beside = str(BESIDE["EndpointConfigName"])
    other = replace(under_way(aws), config="flights-cccccccccccc-000009", trial_configs=(beside,))
    aws.forgets_journal()
    aws.journal.put(replace(other, outcome=other.outcome.LANDED, serves=beside))
    aws.shows("InService", beside, variants=WEIGHTS)
    aws.has_no_leftovers()
    goes_back(aws)
    aws.shows("InService")
    aws.makes_model()
    aws.makes_config()
    aws.updates(NEW, DeploymentConfig=policy("canary"))
    aws.shows("InService", NEW)
    aws.shows("InService", NEW)
    aws.keeps(NEW)

    assert aws.deploy(an_order(STAGED["canary"], WAIVED)).previous_config == OLD


def test_variants_that_nobody_of_ours_made_are_not_touched(aws: Aws) -> None:
    aws.shows("InService", "by-hand", variants=WEIGHTS)
    aws.has_no_leftovers()
    aws.shows("InService", "by-hand", variants=WEIGHTS)

    with pytest.raises(Refused, match="no deployment of ours made"):
        aws.deploy(an_order(STAGED["canary"], WAIVED))


# -- staging -------------------------------------------------------------------------------------------------------------

STAGING = staging_name(ENDPOINT, DIGEST)
STAGING_CONFIG = f"{ENDPOINT}-staging-000000000000-000000"
STAGING_CONFIG = f"{ENDPOINT}-staging-000000000000-000000"


def stages(aws: Aws, status: str = "InService") -> None:
    aws.shows("InService")
    aws.has_no_leftovers()
    aws.makes_model()
    aws.lacks("describe_endpoint_config", "endpoint configuration")
    aws.says("create_endpoint_config", {"EndpointConfigArn": f"{PREFIX}:endpoint-config/s"})
    aws.lacks("describe_endpoint")
    aws.says("create_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/s"})
    aws.shows("Creating", STAGING_CONFIG, name=STAGING)
    aws.shows(status, STAGING_CONFIG, name=STAGING, reason="" if status == "InService" else "no ping")


def stages_again(aws: Aws) -> None:
    aws.says("describe_model", {**(RELEASE.model_request or {}), "ModelArn": f"{PREFIX}:model/m", "CreationTime": START})
    aws.lacks("describe_endpoint_config", "endpoint configuration")
    aws.says("create_endpoint_config", {"EndpointConfigArn": f"{PREFIX}:endpoint-config/s"})
    aws.lacks("describe_endpoint")
    aws.says("create_endpoint", {"EndpointArn": f"{PREFIX}:endpoint/s"})
    aws.shows("InService", STAGING_CONFIG, name=STAGING)


def removes_staging(aws: Aws, status: str = "InService") -> None:
    aws.shows(status, STAGING_CONFIG, name=STAGING)
    aws.says("delete_endpoint", {}, {"EndpointName": STAGING})
    aws.shows("Deleting", STAGING_CONFIG, name=STAGING)
    aws.lacks("describe_endpoint")
    aws.says("delete_endpoint_config", {})


def test_a_model_that_answers_its_golden_set_goes_on_from_staging(aws: Aws) -> None:
    stages(aws)
    aws.answers([0.255], endpoint=STAGING)
    removes_staging(aws)
    aws.shows("InService")
    aws.says("describe_model", {**(RELEASE.model_request or {}), "ModelArn": f"{PREFIX}:model/m", "CreationTime": START})
    aws.makes_config()
    aws.updates(NEW, DeploymentConfig=policy("canary"))
    aws.shows("InService", NEW)
    aws.shows("InService", NEW)
    aws.keeps(NEW)

    assert aws.deploy(an_order(STAGED["canary"], WAIVED, staging=True)).changed


def test_a_staging_endpoint_that_another_start_removed_is_made_again(aws: Aws) -> None:
    aws.shows("InService")
    aws.has_no_leftovers()
    aws.makes_model()
    aws.lacks("describe_endpoint_config", "endpoint configuration")
    aws.says("create_endpoint_config", {"EndpointConfigArn": f"{PREFIX}:endpoint-config/s"})
    aws.lacks("describe_endpoint")
    aws.sagemaker.add_client_error("create_endpoint", "ValidationException", "Could not find endpoint configuration")
    for _ in range(3):
        aws.lacks("describe_endpoint")
    stages_again(aws)
    aws.answers([0.25], endpoint=STAGING)
    removes_staging(aws)
    aws.shows("InService")
    aws.says("describe_model", {**(RELEASE.model_request or {}), "ModelArn": f"{PREFIX}:model/m", "CreationTime": START})
    aws.makes_config()
    aws.updates(NEW, DeploymentConfig=policy("canary"))
    aws.shows("InService", NEW)
    aws.shows("InService", NEW)
    aws.keeps(NEW)

    assert aws.deploy(an_order(STAGED["canary"], WAIVED, staging=True)).changed


def test_a_model_that_misses_its_golden_set_never_reaches_the_endpoint(aws: Aws) -> None:
    stages(aws)
    aws.answers([0.75], endpoint=STAGING)
    aws.shows("InService", STAGING_CONFIG, name=STAGING)
    removes_staging(aws)
    aws.shows("InService")

    with pytest.raises(Refused, match=r"answered 0\.75 to row 0 of its golden set, where 0\.25 within 0\.01 was due"):
        aws.deploy(an_order(STAGED["canary"], WAIVED, staging=True))
    assert aws.recorded()["outcome"] == "failed"


def test_a_model_that_does_not_start_on_staging_is_refused_and_removed(aws: Aws) -> None:
    stages(aws, "Failed")
    aws.shows("Failed", STAGING_CONFIG, name=STAGING)
    removes_staging(aws, "Failed")
    aws.shows("InService")

    with pytest.raises(Refused, match=r"it did not start: no ping\. Endpoint 'flights' was not touched"):
        aws.deploy(an_order(STAGED["canary"], WAIVED, staging=True))


def test_a_staging_endpoint_that_a_crash_left_is_deleted(aws: Aws) -> None:
    left = "flights-staging-eeeeeeeeeeee"
    aws.shows("InService", at=7200)
    aws.cloudwatch.add_response("describe_alarms", {"MetricAlarms": []})
    times = {"CreationTime": NOW, "LastModifiedTime": NOW}
    summary = {"EndpointName": left, "EndpointArn": f"{PREFIX}:endpoint/{left}", "EndpointStatus": "InService", **times}
    aws.says("list_endpoints", {"Endpoints": [summary]}, at=7200)
    aws.shows("InService", STAGING_CONFIG, name=left, at=7200)
    aws.shows("InService", STAGING_CONFIG, name=left, at=7200)
    aws.says("delete_endpoint", {}, {"EndpointName": left}, at=7200)
    aws.lacks("describe_endpoint")
    aws.says("delete_endpoint_config", {}, {"EndpointConfigName": STAGING_CONFIG}, at=7200)
    aws.shows("InService", at=7200)
    aws.makes_model()
    aws.makes_config()
    aws.updates(NEW, DeploymentConfig=policy("canary"))
    aws.shows("InService", NEW)
    aws.shows("InService", NEW)
    aws.keeps(NEW)

    aws.deploy(an_order(STAGED["canary"], WAIVED))


# -- what is kept, and going back ----------------------------------------------------------------------------------------


def landed(aws: Aws, number: int, *, after: float) -> Record:
    """A config of an earlier deployment that is in the journal."""
    record = replace(
        under_way(aws),
        config=f"flights-{number:012d}-000000",
        model=f"{ENDPOINT}-model-{number}",
        model_version=str(number),
        started=START - 86400 + after,
    )
    record = replace(record, outcome=record.outcome.LANDED, serves=record.config)
    aws.bucket.objects = {path: body for path, body in aws.bucket.objects.items() if NEW not in path}
    aws.journal.put(record)
    return record


def test_configs_beyond_the_kept_are_removed_with_their_models(aws: Aws) -> None:
    first, second = landed(aws, 1, after=0), landed(aws, 2, after=60)
    aws.shows("InService", second.config)
    aws.has_no_leftovers()
    aws.shows("InService", second.config)
    aws.makes_model()
    aws.makes_config()
    aws.updates(NEW, DeploymentConfig=policy("all-at-once"))
    aws.shows("InService", NEW)
    aws.shows("InService", NEW)
    aws.keeps(NEW, second.config, first.config, "flights-by-hand")
    aws.says("list_endpoints", {"Endpoints": []})
    variant = {**live_config()["ProductionVariants"][0], "ModelName": f"{ENDPOINT}-model-1"}
    aws.says("describe_endpoint_config", {**live_config(first.config), "ProductionVariants": [variant]})
    aws.says("delete_endpoint_config", {}, {"EndpointConfigName": first.config})
    for kept in sorted((NEW, second.config)):
        aws.says("describe_endpoint_config", live_config(kept))
    aws.says("delete_model", {}, {"ModelName": f"{ENDPOINT}-model-1"})

    aws.deploy(an_order(STAGED["all-at-once"], WAIVED, keep=2))


def test_a_rollback_goes_to_the_version_before_and_is_journalled_with_its_reason(aws: Aws) -> None:
    first, second = landed(aws, 1, after=0), landed(aws, 2, after=60)
    aws.shows("InService", second.config)
    aws.says("describe_endpoint_config", live_config(first.config))
    aws.shows("InService", second.config)
    aws.has_no_leftovers()
    aws.shows("InService", second.config)
    aws.updates(first.config, DeploymentConfig=policy("all-at-once"))
    aws.shows("InService", first.config)
    aws.shows("InService", first.config)
    aws.keeps(first.config, second.config)

    done = rollback(
        ENDPOINT,
        why="customers complained",
        who="ann",
        alarms=alarms_of(WAIVED),
        strategies=(strategy_of(STAGED["all-at-once"]),),
        services=aws.services,
        journal=aws.journal,
        pace=aws.pace,
    )

    assert (done.config, done.previous_config) == (first.config, second.config)
    assert (aws.recorded()["kind"], aws.recorded()["why"]) == ("rollback", "customers complained")


def test_a_version_that_was_removed_cannot_be_gone_back_to(aws: Aws) -> None:
    landed(aws, 1, after=0)
    second = landed(aws, 2, after=60)
    aws.shows("InService", second.config)
    aws.lacks("describe_endpoint_config", "endpoint configuration")

    with pytest.raises(NotFound, match="does not exist any more"):
        rollback(ENDPOINT, to="1", why="x", alarms=alarms_of(WAIVED), services=aws.services, journal=aws.journal, pace=aws.pace)


# -- the content ---------------------------------------------------------------------------------------------------------


def test_a_model_whose_objects_were_changed_touches_nothing(aws: Aws) -> None:
    aws.bucket.objects[f"{BUCKET}/model/code/sitecustomize.py"] = b"import os\n"
    aws.shows("InService")
    aws.has_no_leftovers()
    aws.shows("InService")

    with pytest.raises(Refused, match=r"not part of it: code/sitecustomize\.py\. No endpoint was given it"):
        aws.deploy(an_order(STAGED["canary"], WAIVED))

    assert (aws.recorded()["outcome"], aws.recorded()["serves"]) == ("failed", OLD)
