"""A feature table as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sagelens.errors import BadData

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Dataset", "labels_of"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """`x`: (rows, features), float32, a missing value is NaN. `y`: (rows,), int8, 0 or 1. `name` is for messages."""

    name: str
    features: tuple[str, ...]
    x: NDArray[np.float32]
    y: NDArray[np.int8]

    @classmethod
    def of(cls, table: Any, *, name: str, label: str, keep: Sequence[str] = ()) -> Self:
        """From an Arrow table: every column except the label and those to `keep` is a feature, in the table's order."""
        if label not in table.column_names:
            raise BadData(f"Table '{name}' has no label column '{label}'. Its columns: {', '.join(table.column_names)}.")
        features = tuple(column for column in table.column_names if column != label and column not in keep)
        if not features:
            raise BadData(
                f"Table '{name}' has no feature columns: it holds only the label and {', '.join(keep) or 'nothing else'}."
            )
        if not table.num_rows:
            raise BadData(f"Table '{name}' has no rows. Look at the split that made it.")
        return cls(name=name, features=features, x=_matrix(table, features, name), y=labels_of(table[label], name, label))

    def require_both_classes(self) -> None:
        positives = int(self.y.sum())
        if positives in {0, len(self.y)}:
            raise BadData(
                f"Table '{self.name}' holds one class only: all of its {len(self.y)} rows have the label {int(self.y[0])}. "
                f"Both 0 and 1 are needed; look at the split and at how the label is made."
            )

    def require_complete(self) -> None:
        import numpy as np

        counts = np.isnan(self.x).sum(axis=0)
        missing = [f"{feature} ({count})" for feature, count in zip(self.features, counts, strict=True) if count]
        if missing:
            raise BadData(
                f"Table '{self.name}' has missing values, which a logistic regression cannot use: {', '.join(missing)}. "
                f"Impute them where the features are made."
            )

    def columns(self, features: Sequence[str]) -> NDArray[np.float32]:
        """The matrix with its columns in this order, which is the one that a model was trained on."""
        if tuple(features) == self.features:
            return self.x
        absent = [feature for feature in features if feature not in self.features]
        if absent:
            raise BadData(
                f"Table '{self.name}' lacks features of the model: {', '.join(absent)}. It has: {', '.join(self.features)}. "
                f"Make the table with the transform that the model was trained with."
            )
        return self.x[:, [self.features.index(feature) for feature in features]]


def _matrix(table: Any, features: Sequence[str], name: str) -> NDArray[np.float32]:
    import numpy as np
    import pyarrow as pa

    x = np.empty((table.num_rows, len(features)), dtype=np.float32)
    for i, feature in enumerate(features):
        column = table[feature]
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)):
            raise BadData(
                f"Feature '{feature}' of table '{name}' is of type {column.type}; a feature must be a number. "
                f"Encode it, or name it in `keep`."
            )
        x[:, i] = column.cast(pa.float32()).to_numpy()
    infinite = [features[i] for i in np.flatnonzero(np.isinf(x).any(axis=0)).tolist()]
    if infinite:
        raise BadData(f"Table '{name}' has infinite values in: {', '.join(infinite)}. Clip them or make them missing.")
    return x


def labels_of(column: Any, name: str, label: str) -> NDArray[np.int8]:
    """The labels in an Arrow column of table `name`, (rows,), 0 or 1."""
    import numpy as np
    import pyarrow as pa

    try:
        values = column.cast(pa.float64()).to_numpy()
    except pa.ArrowException as error:
        raise BadData(f"Label '{label}' of table '{name}' is of type {column.type}; it must be 0 or 1.") from error
    missing = int(np.isnan(values).sum())
    if missing:
        raise BadData(
            f"Label '{label}' of table '{name}' is missing in {missing} of {len(values)} rows. Drop them before features."
        )
    other = np.setdiff1d(values, (0.0, 1.0))
    if len(other):
        raise BadData(f"Label '{label}' of table '{name}' must be 0 or 1; found also {', '.join(f'{v:g}' for v in other[:5])}.")
    labels: NDArray[np.int8] = values.astype(np.int8)
    return labels
