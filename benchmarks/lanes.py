"""One endpoint under load, and the deployments to it, one after another, through the deployer and boto3 alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from benchmarks.accounting import Deployment
from benchmarks.cases import ALARMS, INSTANCES, STRATEGIES, Case, expected_reason
from sagelens.deployment import Deployed, Journal, Order, Release, Services, ask, deploy, read_questions, take_back
from sagelens.errors import BadData, SagelensError
from sagelens.testing.models import MadeModel
from sagelens.testing.service import BUCKET, counts_of, release_of

__all__ = ["ClockMap", "Lane"]

_EXIT_ROLLED_BACK = 5


@dataclass
class ClockMap:
    """From the service's clock to the wall's. A Date is in whole seconds: each answer bounds the difference from both sides."""

    scale: float
    _lowest: float = float("-inf")
    _highest: float = float("inf")

    def sample(self, call: Callable[[], Any], times: int = 100) -> None:
        for _ in range(times):
            sent = time.time()
            answer = call()
            read = time.time()
            date = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
            self._lowest = max(self._lowest, date - self.scale * read)
            self._highest = min(self._highest, date + 1 - self.scale * sent)
            time.sleep(0.0037)  # not in step with the clock's seconds

    def wall(self, clock: float) -> float:
        return (clock - (self._lowest + self._highest) / 2) / self.scale

    @property
    def uncertainty(self) -> float:
        """Seconds of the wall by which `wall` may be wrong, either way."""
        return (self._highest - self._lowest) / 2 / self.scale


@dataclass
class Lane:
    """`blue` is the number of the model that serves."""

    endpoint: str
    services: Services
    clock: ClockMap
    blue: int = 0
    done: list[Deployment] = field(default_factory=list)

    def create(self, model: MadeModel) -> None:
        deploy(self._order(model, "all-at-once"), services=self.services, journal=self._journal)
        self.blue = model.number

    def run(self, case: Case, model: MadeModel) -> Deployment:
        """One deployment, from its beginning until it landed or was undone."""
        began = time.time()
        outcome, code, reason = "landed", 0, ""
        try:
            deployed = deploy(self._order(model, case.kind), services=self.services, journal=self._journal)
            self._prove(deployed, model)
        except SagelensError as error:
            outcome, code, reason = error.kind, error.exit_code, error.message
        ended = time.time()
        went = Deployment(
            case=case,
            endpoint=self.endpoint,
            blue=self.blue,
            green=model.number,
            began=began,
            ended=ended,
            outcome=outcome,
            exit_code=code,
            reason=reason,
            rang=self._rang(began) if outcome == "rolled-back" else None,
            problems=tuple(self._problems(case, model, outcome, code, reason)),
        )
        self.blue = went.serves
        self.done.append(went)
        return went

    @property
    def _journal(self) -> Journal:
        return Journal(self.services.s3, BUCKET, self.endpoint)

    def _release(self, model: MadeModel) -> Release:
        return release_of(self.endpoint, model, instances=INSTANCES)

    def _order(self, model: MadeModel, kind: str) -> Order:
        return Order(
            release=self._release(model), alarms=ALARMS, strategies=STRATEGIES[kind], who="benchmark", why=f"{model.fault}"
        )

    def _prove(self, deployed: Deployed, model: MadeModel) -> None:
        """Ask the endpoint for the model's golden set; what does not answer properly is taken back."""
        runtime = self.services.runtime
        questions = read_questions(self._release(model).model_uri, 1, s3=self.services.s3)
        try:
            ask(deployed.endpoint, questions, runtime=runtime)
        except (BadData, runtime.exceptions.ClientError) as error:
            raise take_back(deployed.journal, f"the model failed its golden check: {error}", services=self.services) from error

    def _problems(self, case: Case, model: MadeModel, outcome: str, code: int, reason: str) -> list[str]:
        found = []
        wanted = ("landed", 0) if case.sound else ("rolled-back", _EXIT_ROLLED_BACK)
        if (outcome, code) != wanted:
            found.append(f"a model of fault '{case.fault}' ended as {outcome} with exit code {code}: {reason}")
        elif expected_reason(case) not in reason:
            found.append(f"the reason does not name '{expected_reason(case)}': {reason}")
        state, counts = counts_of(self.endpoint, self.services)
        if state is None or state.status != "InService" or state.pending_config is not None:
            return [*found, f"the endpoint was left in between: {state}"]
        if counts != {"AllTraffic": INSTANCES}:
            found.append(f"the endpoint was left with the instances {counts}")
        if (state.config == self._release(model).config_name) != (outcome == "landed"):
            found.append(f"the deployment ended as {outcome}, and the endpoint serves {state.config}")
        return found

    def _rang(self, since: float) -> float | None:
        """When the first alarm of this endpoint went to ALARM since then."""
        history = self.services.cloudwatch.describe_alarm_history(
            HistoryItemType="StateUpdate", ScanBy="TimestampDescending", MaxRecords=100
        )
        times = [
            self.clock.wall(item["Timestamp"].timestamp())
            for item in history["AlarmHistoryItems"]
            if item["AlarmName"].startswith(f"{self.endpoint}-")
            and json.loads(item["HistoryData"])["newState"]["stateValue"] == "ALARM"
        ]
        return min((at for at in times if at >= since), default=None)
