from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from sagelens.evaluation.assessment import Scored, assess
from sagelens.evaluation.record import EvaluationRecord
from sagelens.project.model import ErrorCosts, Evaluation, ModelGateSettings

COSTS = ErrorCosts(false_negative=5, false_positive=1)
SETTINGS = Evaluation(slices=("carrier",), minimum_slice_rows=50, bootstrap_draws=50, gate=ModelGateSettings(absolute=()))


@pytest.fixture(scope="session")
def scored() -> Scored:
    random = np.random.default_rng(11)
    chance = random.beta(1, 3, size=1000)
    labels = (random.random(1000) < chance).astype(np.int8)
    carriers = ["AA" if i % 4 else "UA" for i in range(980)] + ["HA"] * 20
    return Scored(
        label="late",
        labels=labels,
        scores=chance,
        baseline_scores=np.clip(chance + random.normal(scale=0.2, size=1000), 0.0, 1.0),
        threshold=0.2,
        slices={"carrier": pa.chunked_array([carriers])},
    )


@pytest.fixture(scope="session")
def record(scored: Scored) -> EvaluationRecord:
    return assess(scored, importances={"hour": 0.4, "distance": 0.6}, settings=SETTINGS, costs=COSTS, seed=1)
