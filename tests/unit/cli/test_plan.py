"""What `deploy --plan` says, from previews that the deployer made."""

from __future__ import annotations

from typing import Any

from sagelens.cli.commands.plan import plan_text
from sagelens.deployment import EndpointState, PlanPreview, Release, ServedModel, Target, VariantState, preview
from sagelens.values.grammar import alarms_of, chain_of

RELEASE = Release.of(
    Target(
        endpoint="delays",
        model=ServedModel(digest="ab" * 32, image="image", model_uri="s3://b/model/", role="arn:aws:iam::0:role/r"),
        instance_count=4,
    )
)
SERVING = EndpointState(
    name="delays", status="InService", config="delays-before", variants=(VariantState(name="AllTraffic", instances=4),)
)
GUARDS = [{"kind": "errors", "at_most": "1%"}]


def planned(*strategies: str, alarms: Any = None, state: EndpointState | None = SERVING) -> PlanPreview:
    return preview(RELEASE, chain_of(strategies), state, alarms_of(alarms or GUARDS), staging=False)


def test_a_plan_tells_phases_times_alarms_and_costs() -> None:
    text = plan_text(planned("linear:size=50%,wait=10m,termination_wait=5m"), "package/7")

    waits = [line.split()[:4] for line in text.splitlines() if "of the traffic" in line]
    assert waits == [["+0s", "10m", "50%", "4"], ["+10m", "5m", "100%", "4"]]
    for said in ("serves delays-before", RELEASE.config_name, "package/7", "Invocation5XXErrors above 1 %", "instance-hours"):
        assert said in text
    assert "on alarm    all traffic back to delays-before" in text


def test_a_plan_ends_with_its_warnings_and_the_assurance_that_nothing_was_touched() -> None:
    text = plan_text(planned("canary:size=25%,wait=30"), "package/7")

    assert "warning     The longest bake of canary is 30s" in text
    assert text.rstrip().endswith("Nothing was touched. Leave --plan out to deploy.")


def test_waived_alarms_are_said_with_their_reason() -> None:
    text = plan_text(planned("all-at-once", alarms={"waived": "nobody calls it"}), "package/7")

    assert "watched     by no alarm: nobody calls it" in text
    assert "on alarm" not in text


def test_a_new_endpoint_is_said_to_be_new() -> None:
    assert "which does not exist yet" in plan_text(planned("all-at-once", state=None), "package/7")


def test_changes_of_the_schema_are_said() -> None:
    text = plan_text(planned("all-at-once"), "package/7", ["breaks callers: hour is required now"])

    assert "schema      breaks callers: hour is required now" in text
