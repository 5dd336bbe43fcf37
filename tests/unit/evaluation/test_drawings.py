from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from matplotlib.figure import Figure

from sagelens.evaluation.drawings import DRAWINGS
from sagelens.evaluation.record import EvaluationRecord, Slice


def draw(name: str, record: EvaluationRecord) -> tuple[Any, Any]:
    axes = Figure(figsize=(DRAWINGS[name].width, DRAWINGS[name].height)).subplots()
    return axes, DRAWINGS[name].draw(axes, record)


@pytest.mark.parametrize("name", DRAWINGS)
def test_each_drawing_has_a_title_and_something_drawn(name: str, record: EvaluationRecord) -> None:
    axes, labels = draw(name, record)

    assert labels.title
    assert len(axes.lines) + len(axes.patches) > 0
    axes.figure.draw_without_rendering()


def test_the_confusion_matrix_shows_its_counts(record: EvaluationRecord) -> None:
    axes, _ = draw("confusion", record)

    assert axes.texts[3].get_text().startswith(f"{record.confusion.true_positives:,}")


def test_the_cost_curve_marks_the_chosen_threshold(record: EvaluationRecord) -> None:
    axes, _ = draw("cost", record)

    assert axes.lines[-1].get_xdata()[0] == record.thresholds.chosen


def test_what_is_left_out_is_said(record: EvaluationRecord) -> None:
    many = tuple(Slice(column="dest", value=str(i), rows=100, metrics={"roc_auc": 0.6}) for i in range(45))
    features = {f"feature {i}": 1 / 20 for i in range(20)}
    crowded = replace(record, slices=many, importances=features)

    assert draw("slices", crowded)[1].title == "ROC AUC by slice (rows), 5 more left out"
    assert draw("importances", crowded)[1].title == "Importances, 5 smaller ones left out"


def test_dollar_signs_are_drawn_as_they_are(record: EvaluationRecord) -> None:
    priced = replace(record, slices=(Slice(column="fare", value="$1_$", rows=100, metrics={"roc_auc": 0.6}),))
    axes, _ = draw("slices", priced)

    axes.figure.draw_without_rendering()
    assert axes.get_yticklabels()[0].get_text() == r"fare \$1_\$ (100)"


def test_no_slices_can_be_drawn(record: EvaluationRecord) -> None:
    axes, _ = draw("slices", replace(record, slices=()))

    axes.figure.draw_without_rendering()
    assert len(axes.lines) == 1
