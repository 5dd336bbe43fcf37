"""From a trained model to a folder that can be served anywhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from sagelens.errors import BadData, Refused
from sagelens.features.batch import Batch
from sagelens.features.transform import FittedTransform
from sagelens.serving.alike import check_alike, golden_rows
from sagelens.serving.code import copy_code
from sagelens.serving.manifest import write_manifest
from sagelens.serving.schema import schema_of_table
from sagelens.serving.servable import Servable
from sagelens.values import Folder

__all__ = ["package_model"]

SAMPLE_ROWS = 5
GOLDEN_TOLERANCE = 0.001
"""Scores may differ a little between processors."""


def package_model(model: Folder, transform: Folder, train: Any, *, label: str) -> Folder:
    """Put model, transform, schema, sample rows and code together, and prove that the result loads and answers.

    `train` is the table of prepared training rows: its columns, without the label, are those of a raw row.
    """
    # The server's entry point is started by name, so nothing else would make it travel with the job's code.
    from sagelens.serving import __main__ as entry

    folder = Path(mkdtemp(prefix="servable-"))
    shutil.copytree(model.path, folder / "model")
    shutil.copytree(transform.path, folder / "transform")
    fitted = FittedTransform.load(folder / "transform")
    rows = train.to_pyarrow() if hasattr(train, "to_pyarrow") else train
    fields = _write_schema(folder, rows, fitted, label)
    derived = (fitted.derived.function.__module__,) if fitted.derived else ()
    copy_code((_name_of(entry), *derived), folder / "code")
    write_manifest(folder)
    servable = Servable.load(folder)
    chosen = golden_rows(rows, [name for name in fields if name in servable.transform.inputs])
    golden = _raw(rows.take(chosen).select(fields))
    # The training matrix once more: what the model was shown, the whole table at once.
    check_alike(servable, golden, servable.transform.transform(Batch.of_arrow(rows))[chosen])
    _write_golden(folder, servable, golden)
    write_manifest(folder)
    return Folder(folder)


def _write_schema(folder: Path, rows: Any, transform: FittedTransform, label: str) -> list[str]:
    """Schema and sample of the raw rows; the names of their fields."""
    joined = {name for lookup in transform.lookups for name in lookup.gives}
    made = {label, *joined, *(transform.derived.gives if transform.derived else ())}
    absent = [name for name in transform.inputs if name not in rows.column_names]
    if absent:
        raise BadData(f"The training rows lack {', '.join(absent)}, which the transform reads. Give the table it was fitted on.")
    # A key that serves a join alone may be unknown, so it may be missing too.
    keys = {lookup.on for lookup in transform.lookups} - {*transform.encoders, *transform.numeric}
    schema = schema_of_table(rows, without=made, needed=set(transform.inputs) - keys)
    document = schema.to_json_schema(title=f"One raw row, as known when '{label}' is to be predicted")
    (folder / "schema.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    fields = list(schema.fields)
    lines = (json.dumps(row) for row in _raw(rows.slice(0, SAMPLE_ROWS).select(fields)))
    (folder / "sample.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return fields


def _raw(rows: Any) -> list[dict[str, Any]]:
    """Rows as a caller would send them."""
    return [{name: _plain(value) for name, value in row.items()} for row in rows.to_pylist()]


def _write_golden(folder: Path, servable: Servable, rows: Sequence[Mapping[str, Any]]) -> None:
    """What the packaged model answers to its golden rows, for a deployment to compare with what an endpoint answers.

    What cannot answer its own rows must not be registered.
    """
    scores = servable.predict_rows(rows)
    if len(scores) != len(rows) or not all(0.0 <= score <= 1.0 for score in scores.tolist()):
        raise Refused(f"The packaged model answered its own sample rows with {scores.tolist()}; scores from 0 to 1 are needed.")
    lines = (
        json.dumps({"row": row, "score": round(score, 6), "tolerance": GOLDEN_TOLERANCE})
        for row, score in zip(rows, scores.tolist(), strict=True)
    )
    (folder / "golden.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return None if value != value else value  # noqa: PLR0124 (NaN)
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _name_of(module: Any) -> str:
    name: str = module.__spec__.name
    return name
