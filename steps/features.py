"""Feature engineering: joins, calendar columns, encoders and medians, kept as one transform that is served with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from sagelens.data import Table
from sagelens.project.model import Features
from sagelens.values import Folder

__all__ = ["derive", "engineer", "package"]

PLANES = {"year": "plane_year", "manufacturer": "manufacturer", "engines": "engines", "seats": "seats", "engine": "engine"}
AIRPORTS = {"lat": "lat", "lon": "lon", "alt": "alt", "tzone": "tzone"}
AIRLINES = {"name": "airline"}


def derive(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The project's own columns. The same code runs on all rows in training and on one when the model is asked."""
    from sagelens.features.calendar import day_of_week

    hour = columns["hour"]
    dow = day_of_week(columns["year"], columns["month"], columns["day"])
    return {
        "dow": dow,
        "weekend": dow >= 5,
        "rush": ((hour >= 7) & (hour <= 8)) | ((hour >= 16) & (hour <= 19)),
        "plane_age": columns["year"] - columns["plane_year"],
    }


def engineer(  # noqa: PLR0913 (six tables are six inputs)
    train: Table,
    validation: Table,
    test: Table,
    planes: Table,
    airports: Table,
    airlines: Table,
    *,
    features: Features,
    leaks: tuple[str, ...],
    label: str,
    keep: tuple[str, ...] = (),
) -> tuple[Folder, Table, Table, Table]:
    """Fit the transform on the training rows and apply it to all; the label and the `keep` columns follow the features."""
    from sagelens.features import Batch, Derived, FittedTransform, Lookup, refuse_leaks, warn_outside_training_range

    refuse_leaks({*features.categorical, *features.numeric}, leaks=leaks, label=label)
    rows = train.to_pyarrow()
    batch = Batch.of_arrow(rows)
    transform = FittedTransform.fit(
        batch,
        categorical=features.categorical,
        numeric=features.numeric,
        lookups=(
            Lookup.of("planes", Batch.of_arrow(planes.to_pyarrow()), on="tailnum", key="tailnum", columns=PLANES),
            Lookup.of("airports", Batch.of_arrow(airports.to_pyarrow()), on="dest", key="faa", columns=AIRPORTS),
            Lookup.of("airlines", Batch.of_arrow(airlines.to_pyarrow()), on="carrier", key="carrier", columns=AIRLINES),
        ),
        derived=Derived(derive),
    )
    refuse_leaks(transform.inputs, leaks=leaks, label=label)
    names = transform.get_feature_names_out()
    kept = tuple(dict.fromkeys((label, *keep)))
    train_matrix = transform.transform(batch)
    train_features = _table(train_matrix, names, rows, kept)
    del batch, rows
    rows = validation.to_pyarrow()
    validation_features = _table(transform.transform(Batch.of_arrow(rows)), names, rows, kept)
    rows = test.to_pyarrow()
    test_matrix = transform.transform(Batch.of_arrow(rows))
    first = len(features.categorical)
    share = float(features.options.get("outside_range_share", 0.05))
    warn_outside_training_range(features.numeric, train_matrix[:, first:], test_matrix[:, first:], share=share)
    folder = Path(mkdtemp(prefix="transform-"))
    transform.save(folder)
    return Folder(folder), train_features, validation_features, _table(test_matrix, names, rows, kept)


# Packaging joins the model to its transform, which is why it stands here; pipelines give it the phase `registration`.
def package(model: Folder, transform: Folder, train: Table, *, label: str) -> Folder:
    """The model, its transform, the schema of a raw row and the code that serves them, as one folder that can be deployed."""
    from sagelens.serving import package_model

    return package_model(model, transform, train, label=label)


def _table(matrix: Any, names: Sequence[str], rows: Any, kept: Sequence[str]) -> Any:
    import pyarrow as pa

    columns = {name: pa.array(matrix[:, column]) for column, name in enumerate(names)}
    return pa.table(columns | {name: rows.column(name) for name in kept})
