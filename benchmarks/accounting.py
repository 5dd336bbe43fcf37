"""What became of every request, held against what was deployed when. Pure: records in, findings out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.cases import Case
from sagelens.testing.load import Answer, Stall
from sagelens.testing.models import Fault, number_of

__all__ = ["MOST_SECONDS_TO_BLUE", "Deployment", "Findings", "account"]

MOST_SECONDS_TO_BLUE = 1.0
"""Of the wall: from an alarm's change to ALARM until the last request that the faulty fleet takes."""
_DEAD = "No response from container"
"""What SageMaker says of a model server that died before it answered."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One deployment as it went. Times are the wall's, in seconds since the epoch; `rang` is when an alarm went to ALARM.

    `blue` and `green` are the numbers of the models; `problems` is what did not end as it must.
    """

    case: Case
    endpoint: str
    blue: int
    green: int
    began: float
    ended: float
    outcome: str
    exit_code: int
    reason: str
    rang: float | None = None
    problems: tuple[str, ...] = ()

    @property
    def serves(self) -> int:
        """Whose answers come afterwards."""
        return self.green if self.outcome == "landed" else self.blue


@dataclass
class Findings:
    """`problems` must be empty; a stall of the machine in the meantime is named in them, and excuses nothing. `to_blue` and
    `last_answer` are by deployment: seconds from the alarm until the faulty fleet took its last request, and until its last
    answer was read."""

    requests: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    without_one_answer: int = 0
    foreign_errors: int = 0
    problems: list[str] = field(default_factory=list)
    to_blue: dict[int, float] = field(default_factory=dict)
    last_answer: dict[int, float] = field(default_factory=dict)
    by_kind: Counter[str] = field(default_factory=Counter)
    stalls: Sequence[Stall] = ()


@dataclass(frozen=True)
class _Ledger:
    """Who received which request, and what was deployed to an endpoint at a time."""

    reached: Mapping[int, Sequence[int]]
    deployments: Mapping[str, Sequence[Deployment]]

    def during(self, answer: Answer) -> list[Deployment]:
        """The deployments to its endpoint that were under way at some moment of the request."""
        return [d for d in self.deployments.get(answer.endpoint, ()) if d.began <= answer.answered and answer.sent <= d.ended]

    def last(self, answer: Answer) -> Deployment | None:
        """The deployment that ended last before the request was sent."""
        before = [d for d in self.deployments.get(answer.endpoint, ()) if d.ended < answer.sent]
        return max(before, key=lambda d: d.ended, default=None)


def account(
    answers: Iterable[Answer],
    received: Iterable[tuple[int, int]],
    deployments: Sequence[Deployment],
    stalls: Iterable[Stall] = (),
) -> Findings:
    """`received` are pairs of a model's number and a request's, as the models' own servers noted them; `stalls` are moments in
    which the machine let the load generator not run."""
    answers = list(answers)
    reached: dict[int, list[int]] = {}
    for model, request in received:
        reached.setdefault(request, []).append(model)
    by_endpoint: dict[str, list[Deployment]] = {}
    for deployment in deployments:
        by_endpoint.setdefault(deployment.endpoint, []).append(deployment)
    ledger, found = _Ledger(reached, by_endpoint), Findings(stalls=tuple(stalls))
    _exactly_once(answers, found)
    for answer in answers:
        under_way = ledger.during(answer)
        _delivered_once(answer, under_way, ledger, found)
        _judge(answer, under_way, ledger, found)
    for deployment in deployments:
        for text in deployment.problems:
            found.problems.append(_told(deployment, text, found))
        _measure(deployment, answers, reached, found)
    return found


def _exactly_once(answers: Sequence[Answer], found: Findings) -> None:
    counts = Counter(answer.request for answer in answers)
    found.requests = max(counts, default=0)
    silent = {answer.request for answer in answers if not answer.status}
    wrong = [number for number in range(1, found.requests + 1) if counts[number] != 1 or number in silent]
    found.without_one_answer = len(wrong)
    said = {answer.request: answer.body for answer in answers if not answer.status}
    found.problems += [f"request {number} got {counts[number]} records: {said.get(number, '')}" for number in wrong[:20]]


def _delivered_once(answer: Answer, under_way: Sequence[Deployment], ledger: _Ledger, found: Findings) -> None:
    """No request reaches a model twice, nor two models, but for the copies that a shadow gets."""
    models = ledger.reached.get(answer.request, ())
    shadows = {deployment.green for deployment in under_way if deployment.case.kind == "shadow"}
    served = [model for model in models if model not in shadows]
    if len(set(models)) != len(models) or len(served) > 1:
        found.problems.append(f"request {answer.request} reached the models {', '.join(map(str, models))}")


def _judge(answer: Answer, under_way: Sequence[Deployment], ledger: _Ledger, found: Findings) -> None:
    if (score := answer.score) is not None and answer.status == 200:
        model, nonsense = number_of(score)
        if problem := _wrong_model(answer, model, nonsense, under_way, ledger):
            found.problems.append(problem)
        return
    if not answer.status:
        return
    guilty = [d for d in under_way if _gave(d, answer, ledger)]
    if guilty:
        found.errors[guilty[0].case.fault] += 1
        found.by_kind[guilty[0].case.kind] += 1
    else:
        found.foreign_errors += 1
        found.problems.append(
            f"request {answer.request} to {answer.endpoint} got {answer.status}, which no faulty model gave: {answer.body[:150]}"
        )


def _gave(deployment: Deployment, answer: Answer, ledger: _Ledger) -> bool:
    """Whether this error is of the faulty model that was being deployed: it received the request, or died of another one with
    this one in hand, and held its share of the traffic."""
    received = deployment.green in ledger.reached.get(answer.request, ())
    died = deployment.case.fault is Fault.DIES and _DEAD in answer.body
    in_time = deployment.rang is None or answer.sent <= deployment.rang + MOST_SECONDS_TO_BLUE
    return deployment.case.fault in {Fault.RAISES, Fault.DIES} and (received or died) and in_time


def _wrong_model(answer: Answer, model: int, nonsense: bool, under_way: Sequence[Deployment], ledger: _Ledger) -> str:
    if model not in ledger.reached.get(answer.request, ()):
        return f"request {answer.request} was answered by model {model}, which never received it"
    last = None if under_way else ledger.last(answer)
    allowed = {last.serves} if last else {number for d in under_way for number in (d.blue, d.green)}
    if allowed and model not in allowed:
        return f"request {answer.request} to {answer.endpoint} was answered by model {model}; {sorted(allowed)} served"
    if nonsense and not any(d.green == model and d.case.fault is Fault.RUBBISH for d in under_way):
        return f"request {answer.request} was answered with nonsense by model {model}"
    return ""


def _measure(deployment: Deployment, answers: Sequence[Answer], reached: Mapping[int, Sequence[int]], found: Findings) -> None:
    if deployment.rang is None:
        return
    place, green = deployment.case.place, deployment.green
    ours = [a for a in answers if a.endpoint == deployment.endpoint and green in reached.get(a.request, ())]
    last_sent = max((a.sent for a in ours), default=-math.inf)
    found.to_blue[place] = max(0.0, last_sent - deployment.rang)
    found.last_answer[place] = max(0.0, max((a.answered for a in ours), default=-math.inf) - deployment.rang)
    if found.to_blue[place] > MOST_SECONDS_TO_BLUE:
        late = f"green took requests {found.to_blue[place]:.2f} s after the alarm"
        found.problems.append(_told(deployment, late, found))


def _told(deployment: Deployment, problem: str, found: Findings) -> str:
    """A deployment's problem, and how long the machine stood still meanwhile."""
    text = f"deployment {deployment.case.place} ({deployment.case.kind}): {problem}"
    stalled = sum(s.seconds for s in found.stalls if s.began <= deployment.ended and s.ended >= deployment.began)
    return f"{text} (the machine stood still for {stalled:.1f} s meanwhile)" if stalled else text
