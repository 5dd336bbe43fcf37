"""What the model is worth: slices, costs of errors, and the comparison with the champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagelens.evaluation.report.figures import FigureView, figure_views
from sagelens.evaluation.report.interval import IntervalView, interval_view
from sagelens.evaluation.report.material import Material
from sagelens.evaluation.report.wording import count, figure, percent, signed

__all__ = ["BusinessView", "ChampionView", "EvaluationView", "SliceView", "champion_view", "evaluation_view"]


@dataclass(frozen=True, kw_only=True)
class SliceView:
    """`place` and `whole` are where the slice's and the whole's ROC AUC stand on a bar, in per cent."""

    column: str
    value: str
    rows: int
    roc_auc: float | None
    place: float
    whole: float
    positive_rate: float | None
    mean_score: float | None
    cost: float | None


@dataclass(frozen=True, kw_only=True)
class BusinessView:
    """`bars`: who decides, cost per 1000 predictions, share of the dearest in per cent, whether it is this model."""

    currency: str
    bars: tuple[tuple[str, float, float, bool], ...]
    sentence: str


@dataclass(frozen=True, kw_only=True)
class ChampionView:
    outcome: str
    group: str
    champion: str
    challenger_digest: str
    champion_digest: str
    rows: tuple[tuple[str, str, str], ...]
    difference: str
    interval: IntervalView | None


@dataclass(frozen=True, kw_only=True)
class EvaluationView:
    """`facts`: what, how much, against what."""

    label: str
    rows: int
    positives: int
    facts: tuple[tuple[str, str, str], ...]
    figures: tuple[FigureView, ...]
    slices: tuple[SliceView, ...]
    small_slices: str
    business: BusinessView | None


def evaluation_view(material: Material) -> EvaluationView | None:
    record = material.find("roc", "confusion", "gain", "roc_auc")
    figures = tuple(figure_views(material.figures_of("evaluation")))
    if record is None:
        return None
    small = [f"{part['column']} {part['value']} ({part['rows']} rows)" for part in record.get("small_slices") or ()]
    return EvaluationView(
        label=str(record["label"]),
        rows=int(record["rows"]),
        positives=int(record["positives"]),
        facts=_facts(record, material.metrics()),
        figures=figures,
        slices=_slices(record),
        small_slices=", ".join(small),
        business=_business(record),
    )


def _facts(record: Mapping[str, Any], metrics: Mapping[str, float]) -> tuple[tuple[str, str, str], ...]:
    confusion, thresholds = record["confusion"], record["thresholds"]
    caught = confusion["true_positives"] / max(1, confusion["true_positives"] + confusion["false_negatives"])
    right = confusion["true_positives"] / max(1, confusion["true_positives"] + confusion["false_positives"])
    found = [
        ("ROC AUC", figure(record["roc_auc"]), f"baseline {figure(record['baseline_roc_auc'])}"),
        ("PR AUC", _known(metrics, "pr_auc"), f"by chance {figure(record['positives'] / max(1, record['rows']))}"),
        ("Log loss", _known(metrics, "log_loss"), ""),
        ("Brier score", _known(metrics, "brier"), ""),
        ("Calibration error", figure(record["calibration"]["expected_error"]), "mean distance of score and rate"),
        (
            "Threshold",
            figure(thresholds["chosen"], 3),
            f"chosen by the model; best with hindsight {figure(thresholds['best_on_test'], 3)}",
        ),
        ("Recall", percent(caught), f"of {count(record['positives'])} rows with {record['label']}"),
        ("Precision", percent(right), f"of {count(confusion['true_positives'] + confusion['false_positives'])} alarms"),
    ]
    return tuple(fact for fact in found if fact[1])


def _known(metrics: Mapping[str, float], name: str) -> str:
    return figure(metrics[name]) if name in metrics else ""


def _slices(record: Mapping[str, Any]) -> tuple[SliceView, ...]:
    found = record.get("slices") or ()
    known = [part["metrics"]["roc_auc"] for part in found if part["metrics"].get("roc_auc") is not None]
    whole = float(record["roc_auc"])
    low, high = min([whole, 0.5, *known]), max([whole, *known])
    span = (high - low) or 1.0
    return tuple(
        SliceView(
            column=str(part["column"]),
            value=str(part["value"]),
            rows=int(part["rows"]),
            roc_auc=part["metrics"].get("roc_auc"),
            place=round(100 * (part["metrics"].get("roc_auc", low) - low) / span, 2),
            whole=round(100 * (whole - low) / span, 2),
            positive_rate=part["metrics"].get("positive_rate"),
            mean_score=part["metrics"].get("mean_score"),
            cost=part["metrics"].get("cost_per_1000"),
        )
        for part in found
    )


def _business(record: Mapping[str, Any]) -> BusinessView | None:
    value = record.get("business")
    if not value:
        return None
    constant = f"{'Never' if value['constant'] == 'never' else 'Always'} predict {record['label']}"
    costs = [
        (constant, value["constant_cost_per_1000"], False),
        ("Baseline model", value["baseline_cost_per_1000"], False),
        ("This model", value["cost_per_1000"], True),
    ]
    dearest = max(cost for _, cost, _ in costs) or 1.0
    saved = value["saved_against_constant"]
    return BusinessView(
        currency=str(value["currency"]),
        bars=tuple((who, cost, round(100 * cost / dearest, 2), ours) for who, cost, ours in costs),
        sentence=(
            f"The model's errors cost {count(value['cost_per_1000'])} {value['currency']} per 1,000 predictions, "
            f"{count(abs(saved))} {'less' if saved >= 0 else 'more'} than to {constant[:1].lower()}{constant[1:]}."
        ),
    )


def champion_view(material: Material) -> ChampionView | None:
    found = material.find("outcome", "challenger_digest", "group")
    if found is None:
        return None
    pairs = (
        ("ROC AUC", found.get("challenger_roc_auc"), found.get("champion_roc_auc")),
        ("Cost per 1,000", found.get("challenger_cost_per_1000"), found.get("champion_cost_per_1000")),
    )
    difference = found.get("difference")
    return ChampionView(
        outcome=str(found["outcome"]),
        group=str(found["group"]),
        champion=str(found.get("champion_arn") or ""),
        challenger_digest=str(found["challenger_digest"]),
        champion_digest=str(found.get("champion_digest") or ""),
        rows=tuple((name, figure(ours), figure(theirs)) for name, ours, theirs in pairs if ours is not None),
        difference=signed(difference["estimate"]) if difference else "",
        interval=interval_view(difference, good=_accepted(material)) if difference else None,
    )


def _accepted(material: Material) -> bool | None:
    """Whether the model gate let the difference pass: a margin may be allowed."""
    for _, _, evidence in material.evidence():
        for verdict in evidence.get("verdicts", ()):
            for check in verdict["checks"]:
                if verdict["kind"] == "model" and "champion" in check["subject"]:
                    return bool(check["passed"])
    return None
