"""A model, its transform and the schema of its rows, loaded from a folder whose digest is checked first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sagelens.errors import Refused
from sagelens.features.batch import Batch, Coded
from sagelens.features.transform import FittedTransform
from sagelens.serving.booster import Booster
from sagelens.serving.manifest import private_copy, read_part
from sagelens.serving.packaged import packaged_code
from sagelens.serving.schema import RowSchema, rows_to_batch

__all__ = ["Servable"]

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Servable:
    """`document` is the JSON Schema of a raw row, as published with the model."""

    booster: Booster
    transform: FittedTransform
    schema: RowSchema
    document: Mapping[str, Any]
    threshold: float
    digest: str

    @classmethod
    def load(cls, folder: Path, expected_digest: str | None = None) -> Servable:
        """Refuses a folder that is not, byte for byte, what was packaged (and what `expected_digest` names)."""
        with private_copy(folder, expected_digest) as (copy, digest):
            return cls.of_checked(copy, digest)

    @classmethod
    def of_checked(cls, folder: Path, digest: str) -> Servable:
        """From a folder that was checked, and that nobody can change any more."""
        model = read_part(folder / "model" / "model.json")
        booster = Booster(folder / "model" / "model.ubj")
        with packaged_code(folder / "code"):
            transform = FittedTransform.load(folder / "transform")
        _match_features(tuple(model["features"]), transform, booster)
        document = read_part(folder / "schema.json")
        return cls(booster, transform, RowSchema.from_json_schema(document), document, float(model.get("threshold", 0.5)), digest)

    def predict(self, batch: Batch) -> Scores:
        """One score for each row of a batch that fits the schema."""
        return self.booster.predict(self.transform.transform(batch))

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> Scores:
        """Raw rows as dictionaries; BadRow for one that does not fit the schema."""
        for number, row in enumerate(rows):
            self.schema.check(row, number)
        return self.predict(rows_to_batch(rows, self.schema, self.transform.inputs))

    def predict_table(self, table: Any) -> Scores:
        """Raw rows as an Arrow table; optional columns may be left out."""
        used = self.transform.inputs
        self.schema.check_table(table, used)
        batch = Batch.of_arrow(table)
        for name in used:
            if name not in table.column_names or str(table.column(name).type) == "null":
                batch.add(name, _missing(table.num_rows, text=self.schema.fields[name].type == "string"))
        return self.predict(batch)

    def labels(self, scores: Scores) -> list[bool]:
        threshold = self.threshold
        return [score >= threshold for score in scores.tolist()]


def _match_features(features: tuple[str, ...], transform: FittedTransform, booster: Booster) -> None:
    given = transform.get_feature_names_out()
    trained = booster.feature_names or features
    if not (features == given == trained) or booster.feature_count != len(given):
        raise Refused(
            f"The model was trained on {', '.join(trained)}, and model.json lists {', '.join(features)}, but the transform gives "
            f"{', '.join(given)}. Package a model with the transform that made its features."
        )


def _missing(rows: int, *, text: bool) -> Any:
    return Coded((), np.full(rows, -1, dtype=np.int32)) if text else np.full(rows, np.nan)
