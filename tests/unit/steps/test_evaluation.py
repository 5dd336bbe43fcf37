from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import boto3
import ibis
import numpy as np
import pyarrow as pa
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber
from sklearn.metrics import roc_auc_score

from sagelens.data import write_table
from sagelens.errors import Refused
from sagelens.evaluation.record import Comparison, ComparisonOutcome, EvaluationRecord
from sagelens.features import Batch, FittedTransform
from sagelens.project.model import (
    AbsoluteThreshold,
    ErrorCosts,
    Evaluation,
    Framing,
    Kpi,
    ModelGateSettings,
    RelativeThreshold,
    Task,
    XGBoostSettings,
)
from sagelens.serving import Servable, package_model
from sagelens.serving.manifest import packaged_digest
from sagelens.training import load_model
from sagelens.values import Figures, Folder, Metrics, Verdict, digest_files, digest_path
from steps.evaluation import compare, evaluate
from steps.training import baseline, train

ARN = "arn:aws:sagemaker:us-east-1:000000000000:model-package/flights/3"
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
COSTS = ErrorCosts(false_negative=5, false_positive=1)
FRAMING = Framing(
    goal="g",
    question="q",
    owner="o",
    kpi=Kpi(name="k", target=1, unit="u"),
    error_costs=COSTS,
    task=Task.BINARY_CLASSIFICATION,
    label="late",
    metric="roc_auc",
    acceptance=0.6,
    alternatives="a",
)
GATE = ModelGateSettings(
    absolute=(AbsoluteThreshold(metric="roc_auc", at_least=0.6),), champion=RelativeThreshold(margin=0.01), beats_baseline=False
)
SETTINGS = Evaluation(slices=("carrier",), minimum_slice_rows=50, bootstrap_draws=50, gate=GATE)
KEEP = ("carrier",)


@dataclass(frozen=True)
class Trained:
    """One model with everything that was made on the way, and its raw test rows."""

    model: Folder
    baseline: Folder
    servable: Folder
    test: pa.Table
    test_features: pa.Table


def raw_rows(rows: int, seed: int) -> pa.Table:
    random = np.random.default_rng(seed)
    hour, wind = random.integers(0, 24, rows), random.normal(size=rows)
    late = (np.sin(hour / 4) + wind + random.normal(size=rows) > 1).astype(np.int8)
    return pa.table({"carrier": ["AA" if i % 2 else "UA" for i in range(rows)], "hour": hour, "wind": wind, "late": late})


def make(folder: Path, *, numeric: tuple[str, ...], max_depth: int) -> Trained:
    raw = [raw_rows(rows, seed) for seed, rows in enumerate((800, 400, 400))]
    transform = FittedTransform.fit(Batch.of_arrow(raw[0]), categorical=("carrier",), numeric=numeric)
    transform.save(folder)
    names = transform.get_feature_names_out()
    features = []
    for rows in raw:
        matrix = transform.transform(Batch.of_arrow(rows))
        columns = {name: pa.array(np.ascontiguousarray(matrix[:, i])) for i, name in enumerate(names)}
        features.append(pa.table(columns | {name: rows[name] for name in ("late", *KEEP)}))
    tables = [ibis.memtable(table) for table in features]
    settings = XGBoostSettings(num_boost_round=40, early_stopping_rounds=5, max_depth=max_depth)
    model = train(tables[0], tables[1], label="late", keep=KEEP, settings=settings, costs=COSTS, seed=1)
    servable = package_model(model, Folder(folder), raw[0], label="late")
    return Trained(
        model=model,
        baseline=baseline(tables[0], label="late", keep=KEEP, max_iter=200, seed=1),
        servable=Folder(servable.path, digest=digest_path(servable.path)),
        test=raw[2],
        test_features=features[2],
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return make(tmp_path_factory.mktemp("good"), numeric=("hour", "wind"), max_depth=3)


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return make(tmp_path_factory.mktemp("poor"), numeric=("wind",), max_depth=1)


def evaluated(made: Trained) -> tuple[Metrics, EvaluationRecord, Figures]:
    table = ibis.memtable(made.test_features)
    return evaluate(made.model, made.baseline, table, label="late", keep=KEEP, settings=SETTINGS, costs=COSTS, seed=1)


@pytest.fixture(scope="module")
def found(good: Trained) -> tuple[Metrics, EvaluationRecord, Figures]:
    return evaluated(good)


@contextmanager
def registry(champion: Trained | None) -> Iterator[tuple[Any, Any]]:
    """SageMaker and S3 clients that know this champion, and nothing else."""
    made = [
        boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        for service in ("sagemaker", "s3")
    ]
    with Stubber(made[0]) as sagemaker, Stubber(made[1]) as s3:
        if champion is None:
            sagemaker.add_client_error("list_model_packages", "ValidationException", "Group flights does not exist")
        else:
            stub_champion(sagemaker, champion.servable)
            stub_objects(s3, champion.servable.path)
        yield made[0], made[1]


def stub_champion(stub: Stubber, servable: Folder) -> None:
    summary = {"ModelPackageArn": ARN, "CreationTime": WHEN, "ModelPackageStatus": "Completed"}
    stub.add_response("list_model_packages", {"ModelPackageSummaryList": [summary]})
    source = {"S3Uri": "s3://bucket/champion/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    described = {
        **summary,
        "ModelPackageName": "flights",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "InferenceSpecification": {"Containers": [{"Image": "image", "ModelDataSource": {"S3DataSource": source}}]},
        "CustomerMetadataProperties": {"model_digest": packaged_digest(servable.path)},
    }
    stub.add_response("describe_model_package", described, {"ModelPackageName": ARN})


def stub_objects(stub: Stubber, folder: Path) -> None:
    keys = sorted(digest_files(folder))
    stub.add_response("list_objects_v2", {"Contents": [{"Key": f"champion/{key}"} for key in keys]})
    for key in keys:
        content = (folder / key).read_bytes()
        body = StreamingBody(io.BytesIO(content), len(content))
        stub.add_response("get_object", {"Body": body}, {"Bucket": "bucket", "Key": f"champion/{key}"})


def compared(challenger: Trained, champion: Trained | None) -> tuple[Comparison, Verdict]:
    metrics, record, _ = evaluated(challenger)
    with registry(champion) as (sagemaker, s3), TemporaryDirectory() as folder:
        write_table(challenger.test, Path(folder))
        return compare(
            challenger.servable,
            Folder(Path(folder)),
            record,
            metrics,
            framing=FRAMING,
            settings=SETTINGS,
            group="flights",
            seed=1,
            sagemaker=sagemaker,
            s3=s3,
        )


def test_evaluate_measures_the_model_on_the_test_rows(good: Trained, found: tuple[Metrics, EvaluationRecord, Figures]) -> None:
    metrics, record, _ = found
    described, booster = load_model(good.model.path)
    x = np.column_stack([good.test_features[name].to_numpy() for name in described.features])

    assert metrics["roc_auc"] == pytest.approx(roc_auc_score(good.test_features["late"].to_numpy(), booster.inplace_predict(x)))
    assert metrics["threshold"] == described.threshold
    assert record.importances == described.importances
    assert {part.value: part.rows for part in record.slices} == {"AA": 200, "UA": 200}


def test_figures_are_svg_and_the_same_each_time(good: Trained, found: tuple[Metrics, EvaluationRecord, Figures]) -> None:
    figures = found[2]

    assert set(figures) == {"roc", "precision_recall", "calibration", "confusion", "importances", "slices", "cost"}
    assert {ElementTree.fromstring(svg).tag for svg in figures.values()} == {"{http://www.w3.org/2000/svg}svg"}
    assert max(len(svg) for svg in figures.values()) < 40_000
    assert evaluated(good)[2] == figures


def test_the_first_model_has_no_champion_to_meet(good: Trained) -> None:
    comparison, verdict = compared(good, champion=None)

    assert comparison.outcome is ComparisonOutcome.NO_CHAMPION
    assert comparison.challenger_digest == packaged_digest(good.servable.path)
    assert verdict.passed


def test_the_same_model_passes_unscored(good: Trained, found: tuple[Metrics, EvaluationRecord, Figures], tmp_path: Path) -> None:
    """Whoever scored it would look for the test rows, which are not there."""
    metrics, record, _ = found
    with registry(good) as (sagemaker, s3):
        comparison, verdict = compare(
            good.servable,
            Folder(tmp_path / "absent"),
            record,
            metrics,
            framing=FRAMING,
            settings=SETTINGS,
            group="flights",
            seed=1,
            sagemaker=sagemaker,
            s3=s3,
        )

    assert comparison.outcome is ComparisonOutcome.SAME_MODEL
    assert (comparison.champion_arn, comparison.difference) == (ARN, None)
    assert verdict.passed


def test_a_worse_challenger_is_stopped(good: Trained, poor: Trained) -> None:
    comparison, verdict = compared(poor, champion=good)

    scores = Servable.load(good.servable.path).predict_table(good.test.drop_columns(["late"]))
    assert comparison.outcome is ComparisonOutcome.COMPARED
    assert comparison.champion_roc_auc == pytest.approx(roc_auc_score(good.test["late"].to_numpy(), scores))
    assert comparison.difference is not None
    assert comparison.difference.low < -0.01
    assert comparison.rows == 400
    assert not verdict.passed
    assert "difference in roc_auc on the challenger against the champion" in verdict.summary


def test_a_better_challenger_passes_and_costs_less(good: Trained, poor: Trained) -> None:
    comparison, verdict = compared(good, champion=poor)

    assert verdict.passed
    assert comparison.challenger_cost_per_1000 is not None
    assert comparison.champion_cost_per_1000 is not None
    assert comparison.challenger_cost_per_1000 < comparison.champion_cost_per_1000


def test_a_champion_whose_files_were_changed_is_refused(good: Trained, poor: Trained, tmp_path: Path) -> None:
    shutil.copytree(good.servable.path, tmp_path / "changed")
    with (tmp_path / "changed" / "schema.json").open("a") as file:
        file.write(" ")
    changed = Trained(good.model, good.baseline, Folder(tmp_path / "changed", digest=good.servable.digest), good.test, good.test)

    with pytest.raises(Refused, match=r"schema\.json differ"):
        compared(poor, champion=changed)
