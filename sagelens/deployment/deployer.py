"""The thin loop round the plan: ask, wait, and believe only the proof."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sagelens.deployment.endpoint import EndpointState, read_endpoint
from sagelens.deployment.models import ensure_config, ensure_model
from sagelens.deployment.plan import Action, Plan, Stage, Target, next_action, plan, progress
from sagelens.deployment.strategy import AllAtOnce, Strategy, deployment_config
from sagelens.errors import Inconclusive, RollbackFailed, RolledBack, StepFailed
from sagelens.values import SageMakerClient

__all__ = ["Deployed", "Pace", "deploy", "roll_back"]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How to wait: polls come at a tenth of the time waited so far, between `shortest` and `longest` seconds."""

    timeout: float = 3600
    shortest: float = 0.02
    longest: float = 30
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic

    def until(self, done: Callable[[], bool]) -> bool:
        """Whether it was done before the time was up."""
        started = self.now()
        while not done():
            waited = self.now() - started
            if waited >= self.timeout:
                return False
            self.sleep(min(max(waited / 10, self.shortest), self.longest))
        return True


_ALL_AT_ONCE = AllAtOnce()
_PACE = Pace()


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """`previous_config` is what served before; None for a new endpoint, or where nothing was changed."""

    endpoint: str
    config: str
    model: str
    changed: bool
    previous_config: str | None = None


def deploy(
    target: Target,
    *,
    sagemaker: SageMakerClient,
    strategy: Strategy = _ALL_AT_ONCE,
    pace: Pace = _PACE,
) -> Deployed:
    """Return once the endpoint serves the target; go on with a deployment of the same target that was interrupted.

    Raises Refused, RolledBack, RollbackFailed, StepFailed (a new endpoint did not start), Inconclusive (time is up).
    """
    planned = plan(target)
    before = read_endpoint(target.endpoint, sagemaker=sagemaker)
    action = next_action(before, planned.config_name)
    if action is not Action.NOTHING:
        _act(action, planned, target, strategy, pace, sagemaker)
        _follow(planned.endpoint, planned.config_name, pace, sagemaker)
    return Deployed(
        endpoint=planned.endpoint,
        config=planned.config_name,
        model=planned.model_name,
        changed=action is not Action.NOTHING,
        previous_config=_previous(before, action, planned.config_name),
    )


def roll_back(endpoint: str, config: str, *, sagemaker: SageMakerClient, pace: Pace = _PACE) -> None:
    """Put an earlier config behind the endpoint again. Raises RollbackFailed."""
    try:
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config, RetainAllVariantProperties=True)
        _follow(endpoint, config, pace, sagemaker)
    except (sagemaker.exceptions.ClientError, RolledBack, StepFailed, Inconclusive) as error:
        raise RollbackFailed(
            f"Endpoint '{endpoint}' could not be put back to {config}: {error}. Look at it now: sagelens endpoints"
        ) from error


def _previous(before: EndpointState | None, action: Action, wanted: str) -> str | None:
    if before is None or action not in {Action.UPDATE, Action.FOLLOW} or before.config == wanted:
        return None
    return before.config


def _act(action: Action, planned: Plan, target: Target, strategy: Strategy, pace: Pace, sagemaker: SageMakerClient) -> None:
    if action is Action.FOLLOW:
        return
    ensure_model(target.endpoint, target.model, sagemaker=sagemaker)
    ensure_config(planned.config, sagemaker=sagemaker)
    names = {"EndpointName": planned.endpoint, "EndpointConfigName": planned.config_name}
    if action is Action.UPDATE:
        # What is live stays as it is (counts after autoscaling, weights); only the model changes.
        sagemaker.update_endpoint(**names, DeploymentConfig=deployment_config(strategy), RetainAllVariantProperties=True)
        return
    if action is Action.REPLACE:  # it failed, so nothing serves from it, and SageMaker allows nothing but to delete it
        sagemaker.delete_endpoint(EndpointName=planned.endpoint)
        pace.until(lambda: read_endpoint(planned.endpoint, sagemaker=sagemaker) is None)
    sagemaker.create_endpoint(**names)


def _follow(endpoint: str, wanted: str, pace: Pace, sagemaker: SageMakerClient) -> None:
    """Wait for the end, and raise unless it is the wanted one."""
    stage, reason = Stage.MOVING, ""

    def settled() -> bool:
        nonlocal stage, reason
        state = read_endpoint(endpoint, sagemaker=sagemaker)
        if state is None:
            stage, reason = Stage.FAILED, "it was deleted meanwhile"
            return True
        now = progress(state, wanted)
        stage, reason = now.stage, now.reason
        return stage is not Stage.MOVING

    pace.until(settled)
    match stage:
        case Stage.LANDED:
            return
        case Stage.ROLLED_BACK:
            raise RolledBack(f"Endpoint '{endpoint}' was rolled back; {wanted} does not serve. {reason}")
        case Stage.ROLLBACK_FAILED:
            raise RollbackFailed(f"Endpoint '{endpoint}' serves a mixture: neither {wanted} nor the rollback landed. {reason}")
        case Stage.FAILED:
            raise StepFailed(f"Endpoint '{endpoint}' did not come up with {wanted}: {reason}. See its logs, then deploy again.")
    raise Inconclusive(
        f"Endpoint '{endpoint}' did not settle on {wanted} within {pace.timeout:g} s. Deploy again to go on waiting."
    )
