from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest


def make_features(rows: int, seed: int) -> pa.Table:
    """Two features that tell something of the label, one that does not."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3)).astype(np.float32)
    late = (x[:, 0] + 0.5 * x[:, 1] + random.normal(size=rows) > 0.7).astype(np.int8)
    return pa.table({"near": x[:, 0], "far": x[:, 1], "noise": x[:, 2], "late": late, "carrier": ["AA", "UA"] * (rows // 2)})


@pytest.fixture(scope="session")
def train_features() -> Any:
    return make_features(600, seed=1)


@pytest.fixture(scope="session")
def validation_features() -> Any:
    return make_features(300, seed=2)
