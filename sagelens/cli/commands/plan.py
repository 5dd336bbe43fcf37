"""`deploy --plan`: what a deployment would do."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sagelens.cli.screen import reflow, width_of
from sagelens.cli.target import Connection
from sagelens.values.quantity import as_percent, as_time

if TYPE_CHECKING:
    from sagelens.deployment import EndpointState, Phase, PlanPreview, Release
    from sagelens.registry import ModelPackage

__all__ = ["plan_text", "print_plan"]


def print_plan(connection: Connection, package: str, *, as_json: bool) -> int:
    """Print the plan; raises what the deployment would refuse. Nothing is touched."""
    from sagelens.deployment import preview, read_endpoint
    from sagelens.registry import deployable

    settings = connection.project.deployment
    approved = deployable(package, sagemaker=connection.sagemaker, s3=connection.s3)
    state = read_endpoint(settings.endpoint, sagemaker=connection.sagemaker)
    changes = _schema_changes(connection, state, approved)
    found = preview(
        _release(connection, approved),
        settings.strategy,
        state,
        settings.alarms,
        minimum_invocations=settings.minimum_invocations,
        staging=settings.staging,
    )
    if as_json:
        answer = {"model_package_arn": package, "schema_changes": list(changes), **found.to_json()}
        sys.stdout.write(json.dumps(answer) + "\n")
    else:
        sys.stdout.write(reflow(plan_text(found, package, changes), width_of(sys.stdout)))
    return 0


def plan_text(found: PlanPreview, package: str, changes: Sequence[str] = ()) -> str:
    """`changes` are those of the schema that callers have to keep to."""
    serves = f"serves {found.serves_now}" if found.serves_now else "does not exist yet"
    lines = [f"Plan for endpoint {found.endpoint}, which {serves}", f"  to serve    {found.config}", f"  package     {package}"]
    if found.serves_now == found.config:
        lines.append("  It serves this already, so nothing would be done.")
    lines += ["", f"  {'after':>8}  {'takes':>8}  {'traffic':>8}  {'extra':>5}  phase", *_phases(found.phases), ""]
    lines += [f"  watched     {alarm}" for alarm in found.alarms] or [f"  watched     by no alarm: {found.waived}"]
    lines += [f"  on alarm    {said}" for said in dict.fromkeys(phase.on_alarm for phase in found.phases) if said]
    lines.append(
        f"  in all      {_time(found.total_seconds)}, and what instances need to start; {found.extra_instance_hours:g} extra "
        f"instance-hours, starting taken as {_time(found.provisioning_seconds)} each"
    )
    lines += [f"  schema      {change}" for change in changes]
    lines += [f"  warning     {warning}" for warning in found.warnings]
    return "\n".join([*lines, "", "Nothing was touched. Leave --plan out to deploy.", ""])


def _phases(phases: tuple[Phase, ...]) -> list[str]:
    lines, passed = [], 0
    for phase in phases:
        takes = "starts" if phase.seconds is None else _time(phase.seconds)
        share, extra = as_percent(round(phase.traffic_share, 4)), phase.extra_instances or ""
        lines.append(f"  {'+' + _time(passed):>8}  {takes:>8}  {share:>8}  {extra:>5}  {phase.strategy}: {phase.name}")
        passed += phase.seconds or 0
    return lines


def _time(seconds: int) -> str:
    return as_time(seconds) if seconds else "0s"


def _schema_changes(connection: Connection, state: EndpointState | None, approved: ModelPackage) -> tuple[str, ...]:
    """Against the model that serves. Raises Refused where they would break callers, unless that is allowed."""
    from sagelens.deployment import model_data
    from sagelens.registry import check_callers

    settings = connection.project.deployment
    if state is None or not state.config or state.status in {"Creating", "Failed"}:
        return ()
    serving = model_data(state.config, settings.variant, sagemaker=connection.sagemaker)
    diff = check_callers(serving, approved.model_uri, allow_breaking=settings.allow_breaking, s3=connection.s3)
    return (*(f"breaks callers: {change}" for change in diff.breaking), *diff.compatible)


def _release(connection: Connection, approved: ModelPackage) -> Release:
    """As the project's deployment step makes it of the package."""
    from sagelens.deployment import ServedModel, release_for

    project = connection.project
    model = ServedModel(
        digest=approved.digest,
        image=approved.image,
        model_uri=approved.model_uri,
        role=project.environment.role_of("endpoint"),
        environment=approved.environment,
        placement=project.placement,
    )
    return release_for(
        model,
        settings=project.deployment,
        hosting=project.environment.endpoint,
        bucket=project.environment.bucket,
        package_arn=approved.arn,
        version=str(approved.version or ""),
    )
