"""The project as typed data: what `configs/` says, read once.

Unknown keys are errors everywhere. `environment` comes from `configs/environments/<name>.yaml`, which may also set
any other key of the project for that environment.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field

from sagelens.project.deployment import Deployment, EndpointSettings
from sagelens.project.environment import (
    Approval,
    Costs,
    Environment,
    JobSettings,
    Keys,
    Network,
    Retries,
    Retry,
    Roles,
    Target,
    Tracking,
)
from sagelens.project.section import Name, Section, Text
from sagelens.values import Placement, Source, TimeSplit

__all__ = [
    "AbsoluteThreshold",
    "Approval",
    "Collection",
    "Costs",
    "Deployment",
    "EndpointSettings",
    "Environment",
    "ErrorCosts",
    "Evaluation",
    "Features",
    "Framing",
    "JobSettings",
    "Keys",
    "Kpi",
    "ModelGateSettings",
    "Network",
    "Preparation",
    "Project",
    "Quality",
    "Registration",
    "RelativeThreshold",
    "Retries",
    "Retry",
    "Roles",
    "Scoring",
    "SliceThreshold",
    "Target",
    "Task",
    "Tracking",
    "Training",
    "XGBoostSettings",
]


class Kpi(Section):
    """The business figure that the model is meant to move, and how far."""

    name: Text
    target: float
    unit: Text


class ErrorCosts(Section):
    """What one wrong prediction costs, in the KPI's currency; right ones cost nothing."""

    false_negative: float = Field(gt=0)
    false_positive: float = Field(gt=0)
    currency: Text = "USD"


class Task(StrEnum):
    BINARY_CLASSIFICATION = "binary-classification"


class Framing(Section):
    """The business goal and the problem as machine learning sees it. Nothing here may be empty.

    `acceptance` is what `metric` has to reach for a model to pass its gate: at least, or where less is better at most.
    """

    goal: Text
    question: Text
    owner: Text
    kpi: Kpi
    error_costs: ErrorCosts
    task: Task
    label: Text
    metric: Text
    acceptance: float
    alternatives: Text = Field(description="what would be done without machine learning, and why that is not enough")


class Collection(Section):
    sources: dict[str, Source] = Field(min_length=1)


class Quality(Section):
    """Gate name -> table name -> file of a Great Expectations suite, relative to configs/quality/."""

    gates: dict[str, dict[str, str]]


class Preparation(Section):
    """`leaks` are the columns that are not known when a prediction is asked for; none may become a feature."""

    leaks: tuple[str, ...]
    split: TimeSplit
    options: dict[str, Any] = Field(default_factory=dict)


class Features(Section):
    categorical: tuple[str, ...]
    numeric: tuple[str, ...]
    options: dict[str, Any] = Field(default_factory=dict)


class XGBoostSettings(Section):
    objective: str = "binary:logistic"
    num_boost_round: int = Field(100, ge=1)
    early_stopping_rounds: int = Field(10, ge=1)
    max_depth: int = Field(6, ge=1, le=20)
    learning_rate: float = Field(0.1, gt=0, le=1)
    subsample: float = Field(1.0, gt=0, le=1)
    colsample_bytree: float = Field(1.0, gt=0, le=1)
    min_child_weight: float = Field(1.0, ge=0)
    reg_lambda: float = Field(1.0, ge=0)
    max_bin: int = Field(256, ge=2)
    eval_metric: str = "logloss"

    @property
    def samples(self) -> bool:
        """Whether trees are grown on part of the rows or columns."""
        return self.subsample < 1 or self.colsample_bytree < 1


class Training(Section):
    seed: int = 1
    baseline_max_iter: int = Field(200, ge=1)
    xgboost: XGBoostSettings = XGBoostSettings()


class AbsoluteThreshold(Section):
    metric: str
    at_least: float | None = None
    at_most: float | None = None


class RelativeThreshold(Section):
    """The challenger may be worse than the champion by at most `margin` (non-inferiority, lower end of the interval)."""

    metric: str = "roc_auc"
    margin: float = Field(0.005, ge=0)


class SliceThreshold(Section):
    column: str
    metric: str = "roc_auc"
    at_least: float


class ModelGateSettings(Section):
    absolute: tuple[AbsoluteThreshold, ...]
    champion: RelativeThreshold = RelativeThreshold()
    beats_baseline: bool = True
    slices: tuple[SliceThreshold, ...] = ()


class Evaluation(Section):
    slices: tuple[str, ...] = ()
    minimum_slice_rows: int = Field(100, ge=1)
    bootstrap_draws: int = Field(200, ge=20)
    confidence: float = Field(0.95, gt=0.5, lt=1)
    calibration_bins: int = Field(10, ge=2)
    gate: ModelGateSettings


class Registration(Section):
    model_package_group: Name


class Scoring(Section):
    """Batch scoring: what the project's own scoring step needs."""

    options: dict[str, Any] = Field(default_factory=dict)


class Project(Section):
    """Everything that `configs/` says, for one environment. `root` is the folder that holds configs/, steps/ and pipelines/."""

    root: Path = Field(exclude=True)
    name: Name
    framing: Framing
    collection: Collection
    quality: Quality
    preparation: Preparation
    features: Features
    training: Training = Training()
    evaluation: Evaluation
    registration: Registration
    deployment: Deployment
    scoring: Scoring = Scoring()
    parameters: dict[str, Any] = Field(default_factory=dict, description="free: for the steps of the project's own")
    environment: Environment

    @property
    def tags(self) -> dict[str, str]:
        """On everything that is made for this project, the environment's own included."""
        return {"sagelens:project": self.name, "sagelens:environment": self.environment.name, **self.environment.tags}

    @property
    def placement(self) -> Placement:
        """Where models run."""
        environment = self.environment
        network = environment.network
        return Placement(
            subnets=network.subnets if network else (),
            security_groups=network.security_groups if network else (),
            isolated=environment.endpoint.isolation,
            data_key=environment.keys.data or "",
            volume_key=environment.keys.volumes or "",
            tags=self.tags,
        )

    def suites(self, gate: str) -> dict[str, dict[str, Any]]:
        """The Great Expectations suites of a gate, by table, read from configs/quality/."""
        from sagelens.project.load import read_suite

        return {table: read_suite(self.root, file) for table, file in self.quality.gates[gate].items()}
