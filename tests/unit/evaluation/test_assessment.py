from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter
from sklearn.metrics import roc_auc_score

from sagelens.errors import BadConfig, BadData
from sagelens.evaluation.assessment import Scored, assess, flat_metrics
from sagelens.evaluation.record import EvaluationRecord
from sagelens.project.model import ErrorCosts, Evaluation, ModelGateSettings

COSTS = ErrorCosts(false_negative=5, false_positive=1)


def test_the_record_holds_together(scored: Scored, record: EvaluationRecord) -> None:
    cells = record.confusion

    assert record.roc_auc == pytest.approx(roc_auc_score(scored.labels, scored.scores))
    assert cells.false_negatives + cells.true_positives == record.positives
    assert record.gain.estimate == pytest.approx(record.roc_auc - record.baseline_roc_auc)
    assert record.business.best_cost_per_1000 <= record.business.cost_per_1000
    assert [s.value for s in record.slices] == ["AA", "UA"]
    assert [s.value for s in record.small_slices] == ["HA"]
    assert list(record.importances) == ["distance", "hour"]


def test_the_record_survives_json(record: EvaluationRecord) -> None:
    adapter = TypeAdapter(EvaluationRecord)

    assert adapter.validate_json(adapter.dump_json(record)) == record


def test_metrics_are_flat_and_finite(scored: Scored, record: EvaluationRecord) -> None:
    metrics = flat_metrics(scored, record)

    assert metrics["roc_auc"] == record.roc_auc
    assert metrics["gain_low"] < metrics["gain"] < metrics["gain_high"]
    assert metrics["threshold"] == 0.2
    assert metrics["slice/carrier/AA/roc_auc"] == record.slices[0].metrics["roc_auc"]
    assert {"pr_auc", "log_loss", "brier", "expected_calibration_error", "cost_per_1000"} <= set(metrics)
    assert np.isfinite(list(metrics.values())).all()


def test_a_slice_column_that_was_not_kept_is_named(scored: Scored) -> None:
    settings = Evaluation(slices=("planet",), gate=ModelGateSettings(absolute=()))

    with pytest.raises(BadConfig, match=r"`evaluation\.slices` names column 'planet'.*They hold: carrier"):
        assess(scored, importances={}, settings=settings, costs=COSTS, seed=1)


def test_a_test_split_of_one_class_is_refused(scored: Scored) -> None:
    with pytest.raises(BadData, match="one class only: 0 of its 1000 rows have 'late' = 1"):
        replace(scored, labels=np.zeros(1000, dtype=np.int8))
