"""Batch scoring: raw rows as known before departure, the approved model, and predictions joined back to the rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagelens.data import Table
from sagelens.deployment import ServedModel, ensure_model
from sagelens.errors import BadConfig, BadData, NotFound, StepFailed
from sagelens.registry import deployable, latest_approved
from sagelens.values import Folder, Placement, S3Client, SageMakerClient
from steps.preparation import KNOWN, WEATHER, with_weather

__all__ = ["ModelReference", "find_model", "land", "select"]

ORDER = ("time_hour", *(name for name in KNOWN if name != "time_hour"))
ADDED = ("row_id", "score", "label", "model_digest")


@dataclass(frozen=True, kw_only=True)
class ModelReference:
    """`model_name` is SageMaker's, for the transform job."""

    model_name: str
    model_digest: str
    model_package_arn: str


def select(flights: Table, weather: Table, *, label: str, leaks: tuple[str, ...], month: int | None = None) -> Table:
    """The flights of one month, or all, cancelled ones included, in a fixed order: nobody knows yet which will fly."""
    unknowable = sorted({*leaks, label} & {*KNOWN, *WEATHER})
    if unknowable:
        raise BadConfig(f"{', '.join(unknowable)} cannot be a leak or the label: rows to be scored carry it. Correct configs/.")
    absent = [name for name in KNOWN if name not in flights.columns]
    if absent:
        raise BadData(f"Table 'flights' lacks {', '.join(absent)}, which the model reads. It has: {', '.join(flights.columns)}.")
    known = flights.select(*KNOWN).distinct()
    picked = known if month is None else known.filter(known.month == month)
    if not picked.count().to_pyarrow().as_py():
        months = sorted(known.month.as_table().distinct().to_pyarrow().column("month").to_pylist())
        raise BadData(f"No flight in month {month}; the data hold {months}. Set scoring.options.month to one of them.")
    return with_weather(picked, weather).order_by(*ORDER)


def find_model(*, group: str, role: str, placement: Placement, sagemaker: SageMakerClient, s3: S3Client) -> ModelReference:
    """The SageMaker model of the latest approved package, created where it is missing. Raises NotFound, Refused."""
    package = latest_approved(group, sagemaker=sagemaker)
    if package is None:
        raise NotFound(
            f"Model package group '{group}' holds no approved model. Run `sagelens run training`, then approve the result: "
            "sagelens models approve."
        )
    package = deployable(package.arn, sagemaker=sagemaker, s3=s3)
    model = ServedModel(
        digest=package.digest,
        image=package.image,
        model_uri=package.model_uri,
        role=role,
        environment=package.environment,
        placement=placement,
    )
    name = ensure_model(group, model, sagemaker=sagemaker)
    return ModelReference(model_name=name, model_digest=package.digest, model_package_arn=package.arn)


def land(rows: Table, scored: Folder, model_reference: ModelReference) -> Table:
    """The rows with their number, score, label and the model's digest. The answers come in the order of the rows."""
    import pyarrow as pa

    table, answers = rows.to_pyarrow(), _answers(scored.path)
    taken = sorted(set(ADDED) & set(table.column_names))
    if taken:
        raise BadData(f"The rows have a column {', '.join(taken)} already; predictions are landed under {', '.join(ADDED)}.")
    _check(table.num_rows, answers)
    digests = pa.array([model_reference.model_digest]).take(pa.array([0] * table.num_rows))
    added = (pa.array(range(table.num_rows), pa.int64()), answers["score"], answers["label"], digests)
    for name, column in zip(ADDED, added, strict=True):
        table = table.append_column(name, column)
    return table


def _answers(folder: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    files = sorted(folder.rglob("*.out"))
    if not files:
        raise StepFailed("The transform job left no *.out file. See its logs.")
    try:
        return pa.concat_tables([parquet.read_table(file, columns=["score", "label"]) for file in files])
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise StepFailed(
            f"The model's answers are not Parquet with score and label: {error}. See the transform's logs."
        ) from error


def _check(rows: int, answers: Any) -> None:
    import pyarrow.compute as pc

    if answers.num_rows != rows:
        raise StepFailed(f"The model answered {answers.num_rows} of {rows} rows; every row must have one answer.")
    for name in ("score", "label"):
        if answers[name].null_count:
            raise StepFailed(f"The model answered {answers[name].null_count} of {rows} rows without a {name}.")
    extremes = pc.min_max(answers["score"]).as_py()
    nans = pc.sum(pc.is_nan(answers["score"])).as_py()
    if rows and (nans or not 0 <= extremes["min"] <= extremes["max"] <= 1):
        raise StepFailed(
            f"The model's scores run from {extremes['min']} to {extremes['max']}, {nans} are not numbers; 0 to 1 is allowed."
        )
