"""Figures, thresholds and slices that are named in configs/ exist, and can be what they are wanted to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagelens.evaluation.names import MEASURED, SLICED, problems_of
from sagelens.evaluation.record import EvaluationRecord
from sagelens.project import load_project

ROOT = Path(__file__).resolve().parents[3]


def problems(*settings: str) -> dict[str, str]:
    return dict(problems_of(load_project(ROOT, settings=settings)))


def test_the_reference_project_names_what_exists() -> None:
    assert problems() == {}


@pytest.mark.parametrize(
    ("setting", "key", "message"),
    [
        ("framing.metric=roc_acu", "framing.metric", "Did you mean roc_auc?"),
        ("framing.metric=baseline_roc_auc", "framing.metric", "Did you mean roc_auc?"),
        ("framing.acceptance=68", "framing.acceptance", "68 is no value of roc_auc, which is 0 to 1"),
        (
            "evaluation.gate.absolute=[{metric: logloss, at_most: 0.6}]",
            "evaluation.gate.absolute.0.metric",
            "Did you mean log_loss?",
        ),
        ("evaluation.gate.absolute=[{metric: brier}]", "evaluation.gate.absolute.0", "has no bound"),
        (
            "evaluation.gate.absolute=[{metric: brier, at_least: 0.3, at_most: 0.2}]",
            "evaluation.gate.absolute.0",
            "at_least 0.3 is above at_most 0.2",
        ),
        (
            "evaluation.gate.absolute=[{metric: brier, at_most: 20}]",
            "evaluation.gate.absolute.0.at_most",
            "20 is no value of brier",
        ),
        ("evaluation.gate.champion.metric=brier", "evaluation.gate.champion.metric", "not compared by 'brier'"),
        ("evaluation.gate.slices=[{column: orign, at_least: 0.5}]", "evaluation.gate.slices.0.column", "Did you mean origin?"),
        (
            "evaluation.gate.slices=[{column: origin, metric: brier, at_least: 0.5}]",
            "evaluation.gate.slices.0.metric",
            "not measured on slices",
        ),
        ("evaluation.gate.slices=[{column: origin, at_least: 60}]", "evaluation.gate.slices.0.at_least", "60 is no value"),
        ("evaluation.slices=[carrier, origin, month, carrier]", "evaluation.slices", "carrier stands there more than once"),
    ],
)
def test_what_does_not_exist_or_cannot_be_is_told_with_its_key(setting: str, key: str, message: str) -> None:
    found = problems(setting)

    assert list(found) == [key]
    assert message in found[key]


def test_slices_have_the_figures_that_are_listed(record: EvaluationRecord) -> None:
    assert all(set(part.metrics) == set(SLICED) for part in record.slices)
    assert set(SLICED) & {"roc_auc", "cost_per_1000"} <= set(MEASURED)
