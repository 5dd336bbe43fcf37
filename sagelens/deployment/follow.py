"""Changing an endpoint, and following the change to its proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sagelens.deployment.endpoint import EndpointState
from sagelens.deployment.events import EventKind
from sagelens.deployment.plan import Progress, Stage, progress
from sagelens.deployment.run import Run

__all__ = ["follow", "return_to", "start_update", "update_request"]

UPDATE_TIMEOUT = 3600
"""Seconds for an update that waits for nothing but instances."""
MARGIN = 1800
"""Seconds, beyond what a strategy may take, for instances to start and go."""
_Estimate = Callable[[EndpointState], float | None]


def update_request(
    endpoint: str,
    config: str,
    *,
    deployment_config: Mapping[str, Any] | None = None,
    captures: bool = False,
    reset_weights: bool = False,
) -> dict[str, Any]:
    """UpdateEndpoint's request. What is live stays (counts after autoscaling, weights), but for what is named otherwise."""
    request: dict[str, Any] = {"EndpointName": endpoint, "EndpointConfigName": config, "RetainAllVariantProperties": True}
    excluded = [kind for kind, wanted in (("DataCaptureConfig", captures), ("DesiredWeight", reset_weights)) if wanted]
    if excluded:
        request["ExcludeRetainedVariantProperties"] = [{"VariantPropertyType": kind} for kind in excluded]
    if deployment_config is not None:
        request["DeploymentConfig"] = dict(deployment_config)
    return request


def start_update(run: Run, request: Mapping[str, Any]) -> None:
    """Call UpdateEndpoint; one that another start of the same deployment has called already is followed."""
    sagemaker = run.services.sagemaker
    try:
        run.pace.heard(sagemaker.update_endpoint(**request))
    except sagemaker.exceptions.ClientError:
        state = run.read()
        if state is None or request["EndpointConfigName"] != (state.pending_config or state.config):
            raise


def follow(run: Run, wanted: str, *, phase: str, timeout: float, estimate: _Estimate | None = None) -> Progress:
    """Wait until the endpoint has settled, telling each change of its variants; MOVING after `timeout` clock seconds."""
    found = Progress(Stage.MOVING)
    said = ""

    def settled() -> bool:
        nonlocal found, said
        state = run.read()
        if state is None:
            found = Progress(Stage.FAILED, "it was deleted meanwhile")
            return True
        found = progress(state, wanted)
        message = _statuses(state)
        if message != said and found.stage is Stage.MOVING:
            said = message
            run.recorder.tell(EventKind.PROGRESS, phase, message, numbers=_numbers(state, estimate))
        return found.stage is not Stage.MOVING

    run.pace.until(settled, timeout=timeout)
    return found


def return_to(run: Run, config: str, *, phase: str) -> str:
    """Put an earlier config back, all at once; empty if it serves again, else what went wrong."""
    state = run.read()
    if state is not None and progress(state, config).stage is Stage.LANDED:
        return ""
    run.recorder.tell(EventKind.PHASE, phase, f"back to {config}", numbers={"traffic_share": 0.0})
    sagemaker = run.services.sagemaker
    try:
        start_update(run, update_request(run.endpoint, config, reset_weights=True))
    except sagemaker.exceptions.ClientError as error:
        return f"Endpoint '{run.endpoint}' could not be put back to {config}: {error}"
    done = follow(run, config, phase=phase, timeout=UPDATE_TIMEOUT)
    if done.stage is Stage.LANDED:
        return ""
    return f"Endpoint '{run.endpoint}' could not be put back to {config}: it is {done.stage}. {done.reason}".strip()


def _statuses(state: EndpointState) -> str:
    parts = [
        f"{variant.name}: {status.status}" + (f" ({status.message})" if status.message else "")
        for variant in state.pending or state.variants
        for status in variant.statuses
    ]
    return "; ".join([state.status, *parts])


def _numbers(state: EndpointState, estimate: _Estimate | None) -> dict[str, float]:
    shown = state.pending or state.variants
    numbers: dict[str, float] = {}
    if running := [variant.instances for variant in shown if variant.instances is not None]:
        numbers["instances"] = sum(running)
    if wanted := [variant.desired_instances for variant in shown if variant.desired_instances is not None]:
        numbers["desired_instances"] = sum(wanted)
    if estimate is not None and (share := estimate(state)) is not None:
        numbers["traffic_share"] = round(share, 4)
    return numbers
