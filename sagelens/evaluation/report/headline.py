"""The top of the page: what this run is, how it ended, and the figures that a reader wants first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagelens.evaluation.report.deployment import DeploymentView
from sagelens.evaluation.report.gates import GateView
from sagelens.evaluation.report.interval import IntervalView, interval_view
from sagelens.evaluation.report.material import Material
from sagelens.evaluation.report.release import ReleaseView
from sagelens.evaluation.report.steps import ExecutionView
from sagelens.evaluation.report.wording import count, figure, percent, plural, seconds, signed, title

__all__ = ["FailureView", "FramingView", "Milestone", "Tile", "failure_view", "framing_view", "milestones", "status_of", "tiles"]


_LANDED = frozenset({"landed", "already landed"})


@dataclass(frozen=True, kw_only=True)
class Tile:
    """`tone` is good, bad or nothing."""

    label: str
    value: str
    note: str = ""
    tone: str = ""
    interval: IntervalView | None = None


@dataclass(frozen=True, kw_only=True)
class Milestone:
    """A decision on the way of the model: `tone` is good, warn or bad; `anchor` is where the page says more."""

    label: str
    says: str
    tone: str
    anchor: str


@dataclass(frozen=True, kw_only=True)
class FailureView:
    title: str
    step: str
    step_id: str
    kind: str
    message: str
    gate: GateView | None
    logs_command: str


@dataclass(frozen=True, kw_only=True)
class FramingView:
    goal: str
    question: str
    facts: Mapping[str, str]


def status_of(executions: Sequence[ExecutionView], deployments: Sequence[DeploymentView] = ()) -> str:
    """The first that is not Succeeded, as `sagelens run --json` has it. A rollback has no execution."""
    if not executions:
        return {"landed": "Succeeded", "under way": "Executing"}.get(deployments[0].outcome, "Failed")
    return next((e.status for e in executions if e.status != "Succeeded"), executions[-1].status)


def tiles(
    material: Material, gates: Sequence[GateView], release: ReleaseView, deployments: Sequence[DeploymentView] = ()
) -> list[Tile]:
    record = material.find("roc", "confusion", "gain", "roc_auc")
    found = [
        *(_model_tiles(record, material.metrics()) if record else ()),
        *_kpi_tiles(record, material.find("goal", "kpi", "kpi_target")),
        *_data_tiles(material, gates, brief=record is not None),
    ]
    if deployments and record is None:
        return [*found, *_deployment_tiles(deployments[-1])]
    if release.deployment:
        tone = "good" if release.outcome in _LANDED else "bad"
        found.append(Tile(label="Endpoint", value=release.deployment["Endpoint"], note=release.outcome, tone=tone))
    return found


def milestones(executions: Sequence[ExecutionView], gates: Sequence[GateView], release: ReleaseView) -> list[Milestone]:
    found = [
        Milestone(
            label=f"{title(gate.name)} gate",
            says=f"{len(gate.kept)}/{len(gate.checks)} checks",
            tone="bad" if not gate.passed else "warn" if gate.warned else "good",
            anchor=gate.id,
        )
        for gate in gates
    ]
    if release.registration:
        approval = "waits for approval" if release.approval == "PendingManualApproval" else release.approval.lower()
        found.append(Milestone(label="Registered", says=approval, tone=_approval_tone(release), anchor="release"))
    if release.deployment:
        landed = release.outcome in _LANDED
        found.append(
            Milestone(
                label="Deployed" if landed else "Deployment",
                says=release.outcome,
                tone="good" if landed else "bad",
                anchor="release",
            )
        )
    if release.smoke:
        found.append(Milestone(label="Smoke test", says=f"answered in {release.smoke['Took']}", tone="good", anchor="release"))
    if all(gate.passed for gate in gates):
        found += [
            Milestone(label=title(execution.name), says=execution.status.lower(), tone="bad", anchor="failure")
            for execution in executions
            if execution.status not in {"Succeeded", "Executing"}
        ]
    return found


def failure_view(material: Material, executions: Sequence[ExecutionView], gates: Sequence[GateView]) -> FailureView | None:
    for execution, view in zip(material.executions, executions, strict=True):
        error = execution.document.get("error")
        if error is None and (execution.document["status"] in {"Succeeded", "Executing"}):
            continue
        if error is None:
            message = execution.document.get("failure_reason") or f"The execution ended {execution.document['status']}."
            return FailureView(
                title=f"Run {view.status.lower()}",
                step="",
                step_id="",
                kind="",
                message=message,
                gate=None,
                logs_command="",
            )
        return _failure_of(error, view, gates)
    return None


def _failure_of(error: Mapping[str, Any], view: ExecutionView, gates: Sequence[GateView]) -> FailureView:
    """The Fail step of a gate speaks for the step that judged."""
    name = str(error["step"]).removesuffix("-stopped")
    step = next((step for step in view.steps if step.name == name), None)
    gate = next((gate for gate in gates if not gate.passed and gate.step == name), None)
    kind = str(error["kind"])
    headings = {"data-gate": "Stopped by a data gate", "model-gate": "Stopped by a model gate", "rolled-back": "Rolled back"}
    return FailureView(
        title=headings.get(kind, f"Step {name} failed"),
        step=name,
        step_id=step.id if step else "",
        kind=kind,
        message=str(error["message"]),
        gate=gate,
        logs_command=step.logs_command if step else "",
    )


def framing_view(material: Material) -> FramingView | None:
    found = material.find("goal", "question", "kpi", "acceptance")
    if found is None:
        return None
    cost_unit = found.get("cost_unit", "")
    return FramingView(
        goal=str(found["goal"]),
        question=str(found["question"]),
        facts={
            "Owner": str(found.get("owner", "")),
            "KPI": f"{found['kpi']}, target {figure(found.get('kpi_target'))} {found.get('kpi_unit', '')}",
            "Accepted from": f"{found.get('metric', '')} {figure(found['acceptance'])}",
            "A miss costs": f"{figure(found.get('false_negative_cost'))} {cost_unit}",
            "A false alarm costs": f"{figure(found.get('false_positive_cost'))} {cost_unit}",
            "Without machine learning": str(found.get("alternatives", "")),
        },
    )


def _model_tiles(record: Mapping[str, Any], metrics: Mapping[str, float]) -> Iterator[Tile]:
    gain = interval_view(record["gain"])
    yield Tile(label="ROC AUC", value=figure(record["roc_auc"]), note=f"baseline {figure(record['baseline_roc_auc'])}")
    yield Tile(
        label="Over baseline",
        value=signed(record["gain"]["estimate"]),
        note=gain.text,
        tone="good" if gain.good else "bad",
        interval=gain,
    )
    if "pr_auc" in metrics:
        chance = record["positives"] / max(1, record["rows"])
        yield Tile(label="PR AUC", value=figure(metrics["pr_auc"]), note=f"by chance {figure(chance)}")
    if "log_loss" in metrics:
        yield Tile(label="Log loss", value=figure(metrics["log_loss"]), note=f"Brier score {figure(metrics.get('brier'))}")
    business = record.get("business")
    if business:
        yield _cost_tile(business)


def _cost_tile(business: Mapping[str, Any]) -> Tile:
    """Good is a model that is cheaper than any one answer to all, and than the baseline, which is had for less."""
    saved, dearer = business["saved_against_constant"], business["cost_per_1000"] - business["baseline_cost_per_1000"]
    share = saved / business["constant_cost_per_1000"] if business["constant_cost_per_1000"] else 0.0
    told = [business["currency"], f"{percent(abs(share))} {'saved' if saved >= 0 else 'dearer'}"]
    if dearer >= 0:
        told.append(f"the baseline costs {count(business['baseline_cost_per_1000'])}")
    return Tile(
        label="Cost per 1,000",
        value=count(business["cost_per_1000"]),
        note="; ".join(told),
        tone="good" if saved > 0 and dearer < 0 else "bad",
    )


def _kpi_tiles(record: Mapping[str, Any] | None, framing: Mapping[str, Any] | None) -> Iterator[Tile]:
    """The figure that the model is meant to move, where the evaluation measures it: a KPI in the unit of the costs is their sum
    per 1,000."""
    business = (record or {}).get("business")
    if framing is None or not business or framing.get("kpi_unit") != business["currency"]:
        return
    target, found = float(framing["kpi_target"]), float(business["cost_per_1000"])
    yield Tile(
        label="KPI",
        value="met" if found <= target else "missed",
        note=f"{framing['kpi']}: {count(found)}, target {figure(target)} {framing['kpi_unit']}",
        tone="good" if found <= target else "bad",
    )


def _data_tiles(material: Material, gates: Sequence[GateView], *, brief: bool) -> Iterator[Tile]:
    """`brief` where a model has tiles of its own."""
    collection = material.find("sources")
    if collection and isinstance(collection["sources"], list):
        rows = sum(source.get("rows") or 0 for source in collection["sources"])
        yield Tile(label="Rows read", value=count(rows), note=f"from {plural(len(collection['sources']), 'source')}")
    if gates:
        checks = [check for gate in gates for check in gate.checks]
        stopping = sum(check.stops for check in checks)
        warned = sum(not check.passed for check in checks) - stopping
        told = [f"{stopping} critical failed"] * bool(stopping) + [f"{warned} warned"] * bool(warned)
        yield Tile(
            label="Checks passed",
            value=f"{sum(check.passed for check in checks)}/{len(checks)}",
            note=", ".join(told) or f"in {plural(len(gates), 'gate')}",
            tone="bad" if stopping else "" if warned else "good",
        )
    if not brief:
        for _, _, evidence in material.evidence():
            yield from (
                Tile(label="Rows scored", value=count(output["rows"]), note=output["name"])
                for output in evidence["outputs"]
                if evidence["phase"] == "batch-scoring" and output["name"] == "predictions"
            )


def _deployment_tiles(deployment: DeploymentView) -> Iterator[Tile]:
    yield Tile(label="Endpoint", value=deployment.endpoint, note=deployment.outcome, tone=deployment.tone)
    if deployment.seconds is not None:
        yield Tile(label="Took", value=seconds(deployment.seconds), note=deployment.clock or "on the wall's clock")
    for name, old, new in deployment.compared:
        yield Tile(label=name, value=new, note=f"old fleet {old}")


def _approval_tone(release: ReleaseView) -> str:
    return "good" if release.approved else "bad" if release.approval == "Rejected" else "warn"
