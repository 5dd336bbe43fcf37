"""Evaluation: how good the model is on the test split, and whether it may take the champion's place."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sagelens.data import Table, read_table
from sagelens.data.figures import make_room, new_figure, style, to_svg
from sagelens.evaluation.assessment import Scored, assess, flat_metrics
from sagelens.evaluation.champion import download, find_champion
from sagelens.evaluation.comparison import Answers, line_up, score_both
from sagelens.evaluation.drawings import DRAWINGS
from sagelens.evaluation.gate import judge
from sagelens.evaluation.record import Comparison, ComparisonOutcome, EvaluationRecord
from sagelens.project.model import ErrorCosts, Evaluation, Framing
from sagelens.serving.manifest import packaged_digest
from sagelens.training import Dataset, labels_of, load_baseline, load_model
from sagelens.values import Figures, Folder, Metrics, S3Client, SageMakerClient, Verdict

__all__ = ["compare", "evaluate"]


def evaluate(  # noqa: PLR0913 - one keyword for each thing that a project declares
    model: Folder,
    baseline_model: Folder,
    test_features: Table,
    *,
    label: str,
    keep: tuple[str, ...],
    settings: Evaluation,
    costs: ErrorCosts,
    seed: int,
) -> tuple[Metrics, EvaluationRecord, Figures]:
    """Measure the model and the baseline on the test split, as a whole and by slice."""
    table = test_features.to_pyarrow()
    rows = Dataset.of(table, name="test_features", label=label, keep=keep)
    described, booster = load_model(model.path)
    features = rows.columns(described.features)
    scored = Scored(
        label=label,
        labels=rows.y,
        scores=booster.inplace_predict(features).astype("float64"),
        baseline_scores=load_baseline(baseline_model.path).predict_proba(features)[:, 1].astype("float64"),
        threshold=described.threshold,
        slices={column: table[column] for column in keep if column in table.column_names},
    )
    record = assess(scored, importances=described.importances, settings=settings, costs=costs, seed=seed)
    return flat_metrics(scored, record), record, _draw(record)


def _draw(record: EvaluationRecord) -> Figures:
    figures = Figures()
    for name, drawing in DRAWINGS.items():
        figure = new_figure(drawing.width, drawing.height, margins=(0.6, 0.5, 0.2, 0.35))
        axes = figure.subplots()
        labels = drawing.draw(axes, record)
        style(axes, title=labels.title, x=labels.x, y=labels.y, grid=labels.grid)
        make_room(figure, axes)
        figures[name] = to_svg(figure)
    return figures


def compare(  # noqa: PLR0913 - one keyword for each thing that a project declares
    servable: Folder,
    test: Folder,
    evaluation: EvaluationRecord,
    metrics: Metrics,
    *,
    framing: Framing,
    settings: Evaluation,
    group: str,
    seed: int,
    sagemaker: SageMakerClient,
    s3: S3Client,
) -> tuple[Comparison, Verdict]:
    """Compare with the champion on the raw test rows, as both are served; then decide whether the model may be registered.

    What a wrong prediction costs, and what is accepted, is the framing's.

    `test` is taken as a folder, since its table is read only when there is another champion to score.
    """
    label, costs = framing.label, framing.error_costs
    champion = find_champion(sagemaker, group)
    digest = packaged_digest(servable.path)
    comparison = line_up(group, digest, champion)
    if champion and comparison.outcome is ComparisonOutcome.COMPARED:
        rows = read_table(test.path).to_pyarrow()
        challenger = _answers(servable.path, digest, rows)
        with TemporaryDirectory(prefix="champion-") as folder:
            reigning = _answers(download(s3, champion, Path(folder)), champion.digest, rows)
        labels = labels_of(rows[label], "test", label)
        comparison = score_both(comparison, labels, challenger, reigning, settings=settings, costs=costs, seed=seed)
    return comparison, judge(metrics, evaluation, comparison, framing=framing, settings=settings.gate)


def _answers(folder: Path, digest: str, rows: Any) -> Answers:
    from sagelens.serving import Servable

    model = Servable.load(folder, digest)
    known = rows.select([name for name in rows.column_names if name in model.schema.fields])
    return Answers(model.predict_table(known), model.threshold)
