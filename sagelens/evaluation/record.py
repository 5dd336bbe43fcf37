"""What evaluation found, as frozen values that become JSON. Costs are per 1000 predictions, in `BusinessValue.currency`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "BusinessValue",
    "Calibration",
    "CalibrationBin",
    "Comparison",
    "ComparisonOutcome",
    "Confusion",
    "Constant",
    "Curve",
    "EvaluationRecord",
    "Interval",
    "Slice",
    "SmallSlice",
    "Thresholds",
]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """`estimate` on all rows, `low` and `high` from `draws` bootstrap draws at this confidence."""

    estimate: float
    low: float
    high: float
    confidence: float
    draws: int


@dataclass(frozen=True)
class Curve:
    """Thinned to a drawable number of points."""

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class CalibrationBin:
    low: float
    high: float
    rows: int
    mean_score: float
    positive_rate: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Bins without rows are left out. `expected_error`: mean distance of score and rate over the bins, weighted by rows."""

    bins: tuple[CalibrationBin, ...]
    expected_error: float


@dataclass(frozen=True, kw_only=True)
class Confusion:
    true_negatives: int
    false_positives: int
    false_negatives: int
    true_positives: int


@dataclass(frozen=True, kw_only=True)
class Slice:
    """`metrics`: roc_auc, positive_rate, mean_score and cost_per_1000 on the rows where `column` is `value`."""

    column: str
    value: str
    rows: int
    metrics: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class SmallSlice:
    """A slice that was not measured, and why."""

    column: str
    value: str
    rows: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """`chosen` is the one that the model uses; `best_on_test` with hindsight; `theoretical` for calibrated scores."""

    chosen: float
    best_on_test: float
    theoretical: float


class Constant(StrEnum):
    """The same answer for every row."""

    NEVER = "never"
    ALWAYS = "always"


@dataclass(frozen=True, kw_only=True)
class BusinessValue:
    """Costs of errors per 1000 predictions: of the model, of the cheaper constant answer, of the baseline model.

    The baseline has no threshold of its own, so it meets the model with both at the theoretical one.
    """

    currency: str
    cost_per_1000: float
    constant: Constant
    constant_cost_per_1000: float
    theoretical_cost_per_1000: float
    baseline_cost_per_1000: float
    best_cost_per_1000: float
    saved_against_constant: float
    saved_against_baseline: float


@dataclass(frozen=True, kw_only=True)
class EvaluationRecord:
    """The model on the test split."""

    label: str
    rows: int
    positives: int
    roc_auc: float
    baseline_roc_auc: float
    gain: Interval
    thresholds: Thresholds
    confusion: Confusion
    business: BusinessValue
    calibration: Calibration
    roc: Curve
    baseline_roc: Curve
    precision_recall: Curve
    cost: Curve
    slices: tuple[Slice, ...] = ()
    small_slices: tuple[SmallSlice, ...] = ()
    importances: dict[str, float] = field(default_factory=dict)


class ComparisonOutcome(StrEnum):
    NO_CHAMPION = "no champion"
    SAME_MODEL = "same model"
    COMPARED = "compared"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The trained model, the challenger, against the champion: the latest approved package of the group.

    The figures are None unless both were scored; `difference` is the challenger's ROC AUC less the champion's.
    """

    outcome: ComparisonOutcome
    group: str
    challenger_digest: str
    champion_arn: str = ""
    champion_digest: str = ""
    rows: int = 0
    challenger_roc_auc: float | None = None
    champion_roc_auc: float | None = None
    challenger_cost_per_1000: float | None = None
    champion_cost_per_1000: float | None = None
    difference: Interval | None = None
