"""What evaluation draws. A drawing fills one matplotlib `Axes` and says how it is labelled; style and SVG are the caller's.

Colours are of Okabe and Ito's palette, told apart with any colour vision; lines also differ in dash, and text says what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sagelens.evaluation.record import EvaluationRecord

__all__ = ["DRAWINGS", "Drawing", "Labels"]

_BLUE, _ORANGE, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#66737F"
_SHOWN_FEATURES = 15
_SHOWN_SLICES = 40


@dataclass(frozen=True)
class Labels:
    title: str
    x: str = ""
    y: str = ""
    grid: str = "both"


@dataclass(frozen=True)
class Drawing:
    """`width` and `height` in inches."""

    draw: Callable[[Any, EvaluationRecord], Labels]
    width: float
    height: float


def _roc(axes: Any, record: EvaluationRecord) -> Labels:
    axes.plot(record.roc.x, record.roc.y, color=_BLUE, label=f"model, AUC {record.roc_auc:.4f}")
    baseline = f"baseline, AUC {record.baseline_roc_auc:.4f}"
    axes.plot(record.baseline_roc.x, record.baseline_roc.y, color=_ORANGE, linestyle="--", label=baseline)
    axes.plot((0, 1), (0, 1), color=_GREY, linestyle=":", label="by chance")
    _unit_square(axes)
    _legend(axes, "lower right")
    return Labels("ROC", "false positive rate", "true positive rate")


def _precision_recall(axes: Any, record: EvaluationRecord) -> Labels:
    rate = record.positives / record.rows
    axes.plot(record.precision_recall.x, record.precision_recall.y, color=_BLUE, label="model")
    axes.axhline(rate, color=_GREY, linestyle=":", label=f"by chance, {rate:.3f}")
    _unit_square(axes)
    _legend(axes, "upper right")
    return Labels("Precision and recall", "recall", "precision")


def _calibration(axes: Any, record: EvaluationRecord) -> Labels:
    bins = record.calibration.bins
    axes.plot((0, 1), (0, 1), color=_GREY, linestyle=":", label="perfect")
    model = f"model, expected error {record.calibration.expected_error:.4f}"
    axes.plot([b.mean_score for b in bins], [b.positive_rate for b in bins], color=_BLUE, marker="o", markersize=4, label=model)
    width = 0.9 * min(b.high - b.low for b in bins)
    shares = [b.rows / record.rows for b in bins]
    axes.bar([(b.low + b.high) / 2 for b in bins], shares, width, color=_GREY, alpha=0.25, label="share of rows")
    _unit_square(axes)
    _legend(axes, "upper left")
    return Labels("Calibration", "mean score of the bin", f"observed rate of {_literal(record.label)}")


def _confusion(axes: Any, record: EvaluationRecord) -> Labels:
    found = record.confusion
    cells = ((found.true_negatives, found.false_positives), (found.false_negatives, found.true_positives))
    for y, row in enumerate(cells):
        for x, count in enumerate(row):
            share = count / sum(row)
            corners = (x - 0.48, x + 0.48, x + 0.48, x - 0.48), (y - 0.48, y - 0.48, y + 0.48, y + 0.48)
            axes.fill(*corners, facecolor=_BLUE, alpha=0.08 + 0.4 * share, linewidth=0)
            axes.text(x, y, f"{count:,}\n{share:.1%} of row", ha="center", va="center", fontsize=8)
    classes = (f"not {_literal(record.label)}", _literal(record.label))
    axes.set_xticks((0, 1), classes)
    axes.set_yticks((0, 1), classes)
    axes.invert_yaxis()
    return Labels(f"Confusion at threshold {record.thresholds.chosen:.3f}", "predicted", "actual", grid="")


def _importances(axes: Any, record: EvaluationRecord) -> Labels:
    shown = list(record.importances.items())[:_SHOWN_FEATURES][::-1]
    axes.barh([_literal(name) for name, _ in shown], [share for _, share in shown], color=_BLUE)
    rest = len(record.importances) - len(shown)
    return Labels("Importances" + (f", {rest} smaller ones left out" if rest else ""), "share of total gain", grid="x")


def _slices(axes: Any, record: EvaluationRecord) -> Labels:
    """Rows from the top in the record's order, a colour for each column."""
    shown = record.slices[:_SHOWN_SLICES]
    axes.figure.set_size_inches(7, 1.2 + 0.17 * len(shown))
    columns = list(dict.fromkeys(part.column for part in shown))
    for number, column in enumerate(columns):
        rows = [row for row, part in enumerate(shown) if part.column == column]
        colour = (_BLUE, _ORANGE, _GREEN)[number % 3]
        axes.plot([shown[row].metrics["roc_auc"] for row in rows], rows, "o", color=colour, markersize=5, label=_literal(column))
    axes.axvline(record.roc_auc, color=_GREY, linestyle=":", label=f"all rows, {record.roc_auc:.4f}")
    axes.set_yticks(range(len(shown)), [_literal(f"{part.column} {part.value} ({part.rows:,})") for part in shown])
    axes.invert_yaxis()
    _legend(axes, "best")
    rest = len(record.slices) - len(shown)
    return Labels("ROC AUC by slice (rows)" + (f", {rest} more left out" if rest else ""), "ROC AUC")


def _cost(axes: Any, record: EvaluationRecord) -> Labels:
    value = record.business
    axes.plot(record.cost.x, record.cost.y, color=_BLUE, label="model")
    constant = f"{value.constant.value} predict {_literal(record.label)}, {value.constant_cost_per_1000:,.0f}"
    axes.axhline(value.constant_cost_per_1000, color=_GREY, linestyle=":", label=constant)
    chosen = f"chosen threshold, {value.cost_per_1000:,.0f}"
    axes.plot((record.thresholds.chosen,), (value.cost_per_1000,), "o", color=_ORANGE, label=chosen)
    axes.set_ylim(bottom=0)
    _legend(axes, "lower right")
    return Labels("Cost of errors", "threshold", f"{_literal(value.currency)} per 1000 predictions")


def _unit_square(axes: Any) -> None:
    axes.set_xlim(0, 1.005)
    axes.set_ylim(0, 1.005)


def _legend(axes: Any, place: str) -> None:
    axes.legend(frameon=False, fontsize=7, loc=place)


def _literal(text: str) -> str:
    """Matplotlib would read what stands between two dollar signs as mathematics."""
    return text.replace("$", r"\$")


DRAWINGS: dict[str, Drawing] = {
    "roc": Drawing(_roc, 4.4, 3.8),
    "precision_recall": Drawing(_precision_recall, 4.4, 3.8),
    "calibration": Drawing(_calibration, 4.4, 3.8),
    "confusion": Drawing(_confusion, 4.4, 3.2),
    "importances": Drawing(_importances, 7, 3.4),
    "slices": Drawing(_slices, 7, 4.4),
    "cost": Drawing(_cost, 7, 3.2),
}
