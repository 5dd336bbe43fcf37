"""The project as typed data: what `configs/` says, read once.

Unknown keys are errors everywhere. `environment` comes from `configs/environments/<name>.yaml`, which may also set
any other key of the project for that environment.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from sagelens.project.deployment import Deployment, EndpointSettings
from sagelens.project.section import Name, Section, Share, Text
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
    "Roles",
    "Scoring",
    "SliceThreshold",
    "Target",
    "Task",
    "Tracking",
    "Training",
    "XGBoostSettings",
]


RoleArn = Annotated[str, Field(pattern=r"^arn:aws[a-z\-]*:iam::\d{12}:role/.+$")]
TagKey = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\w\s.:/=+\-@]+$")]
TagValue = Annotated[str, Field(max_length=256, pattern=r"^[\w\s.:/=+\-@]*$")]
KeyId = Annotated[str, Field(pattern=r"^(alias/.+|arn:aws[a-z\-]*:kms:.+|[0-9a-f\-]{36}|mrk-[0-9a-f]{32})$")]


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
    """The business goal and the problem as machine learning sees it. Nothing here may be empty."""

    goal: Text
    question: Text
    owner: Text
    kpi: Kpi
    error_costs: ErrorCosts
    task: Task
    label: Text
    metric: Text
    acceptance: Share
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


class Target(StrEnum):
    LOCAL = "local"
    AWS = "aws"


class Approval(StrEnum):
    """Who approves a model package whose gate passed."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


_LONGEST_WAIT = 864_000


class JobSettings(Section):
    """What a SageMaker job needs beside the function.

    `spot`, `max_wait_seconds` (for capacity and the run together) and `keep_alive_seconds` (a warm pool) are for training jobs.
    `isolation` overrides whether the container is cut off from every network; without it, a step is unless it calls something.
    """

    instance_type: str = "ml.m5.xlarge"
    instance_count: int = Field(1, ge=1)
    volume_gb: int = Field(30, ge=1)
    max_runtime_seconds: int = Field(3600, ge=60, le=432000)
    spot: bool = False
    max_wait_seconds: int | None = Field(None, ge=60, le=_LONGEST_WAIT)
    keep_alive_seconds: int = Field(0, ge=0, le=3600)
    isolation: bool | None = None

    @property
    def spot_seconds(self) -> int | None:
        """What a spot job may take, capacity awaited; twice its own time unless said otherwise. None where it is not spot."""
        return (self.max_wait_seconds or min(2 * self.max_runtime_seconds, _LONGEST_WAIT)) if self.spot else None

    @model_validator(mode="after")
    def _consistent(self) -> JobSettings:
        if self.spot and self.keep_alive_seconds:
            raise ValueError("spot and keep_alive_seconds exclude each other; SageMaker keeps no pool of spot instances")
        if self.max_wait_seconds is not None and not self.spot:
            raise ValueError("max_wait_seconds is for spot: true only")
        if self.max_wait_seconds is not None and self.max_wait_seconds < self.max_runtime_seconds:
            raise ValueError(f"max_wait_seconds has to be at least max_runtime_seconds, {self.max_runtime_seconds}")
        return self


class Roles(Section):
    """IAM roles by what runs under them; one that is missing is the environment's `role`."""

    processing: RoleArn | None = None
    training: RoleArn | None = None
    registration: RoleArn | None = None
    scoring: RoleArn | None = None
    deployment: RoleArn | None = None
    endpoint: RoleArn | None = None
    transform: RoleArn | None = None


class Network(Section):
    """Where jobs and models have their network interfaces."""

    subnets: tuple[Annotated[str, Field(pattern=r"^subnet-[0-9a-f]+$")], ...] = Field(min_length=1, max_length=16)
    security_groups: tuple[Annotated[str, Field(pattern=r"^sg-[0-9a-f]+$")], ...] = Field(min_length=1, max_length=5)


class Keys(Section):
    """KMS keys: of objects, and of the volumes of instances.

    Any may be named by id or ARN, that of objects by an alias, too: training jobs know no alias for a volume's key.
    """

    data: KeyId | None = None
    volumes: KeyId | None = None

    @model_validator(mode="after")
    def _no_alias(self) -> Keys:
        if self.volumes is not None and "alias/" in self.volumes:
            raise ValueError(f"volumes: training jobs take the id or ARN of a key, no alias such as {self.volumes}")
        return self


class Costs(Section):
    """`instances`: the price of an hour by instance type; `volume_gb_month`: of a gigabyte for a month.

    `budget`: what one run may be estimated to cost.
    """

    currency: Text = "USD"
    instances: dict[str, Annotated[float, Field(gt=0)]]
    volume_gb_month: float = Field(0.0, ge=0)
    budget: float | None = Field(None, gt=0)


class Tracking(Section):
    """`uri`: any MLflow tracking URI; without one a SQLite file below .sagelens/."""

    uri: str | None = None
    experiment: str | None = None


class Environment(Section):
    name: Name
    target: Target
    region: str = "us-east-1"
    account: str = Field("000000000000", pattern=r"^\d{12}$")
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]$")
    role: RoleArn
    roles: Roles = Roles()
    network: Network | None = None
    keys: Keys = Keys()
    image: str
    approval: Approval = Approval.MANUAL
    max_parallel_steps: int = Field(2, ge=1)
    jobs: JobSettings = JobSettings()
    steps: dict[str, JobSettings] = Field(default_factory=dict, description="by step, in place of `jobs`")
    endpoint: EndpointSettings = EndpointSettings()
    tracking: Tracking = Tracking()
    tags: dict[TagKey, TagValue] = Field(default_factory=dict, max_length=40)
    costs: Costs | None = None

    @model_validator(mode="after")
    def _own_tags(self) -> Environment:
        if reserved := sorted(key for key in self.tags if key.startswith(("aws:", "sagelens:"))):
            raise ValueError(f"tags: {', '.join(reserved)} cannot be set; keys that begin with aws: or sagelens: are taken")
        return self

    def role_of(self, what: str) -> str:
        """The role for a kind that `Roles` names."""
        return getattr(self.roles, what) or self.role


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
