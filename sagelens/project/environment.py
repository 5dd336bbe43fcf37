"""What `configs/environments/<name>.yaml` says of the place where a project runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from sagelens.project.deployment import EndpointSettings
from sagelens.project.section import Name, Section, Text

__all__ = [
    "Approval",
    "Costs",
    "Environment",
    "JobSettings",
    "Keys",
    "Network",
    "Retries",
    "Retry",
    "Roles",
    "Target",
    "Tracking",
]

RoleArn = Annotated[str, Field(pattern=r"^arn:aws[a-z\-]*:iam::\d{12}:role/.+$")]
TagKey = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\w\s.:/=+\-@]+$")]
TagValue = Annotated[str, Field(max_length=256, pattern=r"^[\w\s.:/=+\-@]*$")]
_LONGEST_WAIT = 864_000
KeyId = Annotated[str, Field(pattern=r"^(alias/.+|arn:aws[a-z\-]*:kms:.+|[0-9a-f\-]{36}|mrk-[0-9a-f]{32})$")]


class Target(StrEnum):
    LOCAL = "local"
    AWS = "aws"


class Approval(StrEnum):
    """Who approves a model package whose gate passed."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Retry(Section):
    """How a step is tried again: after a first pause in seconds, each further one longer by a factor.

    It ends after a number of tries beside the first (0: none), or after minutes.
    """

    interval_seconds: int = Field(ge=1, le=43_200)
    backoff_rate: float = Field(2.0, ge=1, le=10)
    max_attempts: int | None = Field(None, ge=0, le=20)
    expire_after_minutes: int | None = Field(None, ge=1, le=14_400)

    @model_validator(mode="after")
    def _one_end(self) -> Retry:
        if (self.max_attempts is None) == (self.expire_after_minutes is None):
            raise ValueError("give one of max_attempts and expire_after_minutes")
        return self


class Retries(Section):
    """Which faults pass, and how often a step is tried again for them. A failure of the step's own code is none of them.

    `service`: SageMaker's API fails or throttles. `job`: an internal error ended the job. `capacity`: there are no instances, or
    a quota is used up.
    """

    service: Retry = Retry(interval_seconds=5, max_attempts=5)
    job: Retry = Retry(interval_seconds=10, max_attempts=3)
    capacity: Retry = Retry(interval_seconds=60, expire_after_minutes=180)


class JobSettings(Section):
    """What a SageMaker job needs beside the function.

    `spot`, `max_wait_seconds` (for capacity and the run together) and `keep_alive_seconds` (a warm pool) are for training jobs.
    `isolation` overrides whether the container is cut off from every network; without it, a step is unless it calls something.
    `retry` is the environment's where a step has none of its own.
    """

    instance_type: str = "ml.m5.xlarge"
    instance_count: int = Field(1, ge=1)
    volume_gb: int = Field(30, ge=1)
    max_runtime_seconds: int = Field(3600, ge=60, le=432000)
    spot: bool = False
    max_wait_seconds: int | None = Field(None, ge=60, le=_LONGEST_WAIT)
    keep_alive_seconds: int = Field(0, ge=0, le=3600)
    isolation: bool | None = None
    retry: Retries | None = None

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
    retry: Retries = Retries()
    endpoint: EndpointSettings = EndpointSettings()
    tracking: Tracking = Tracking()
    tags: dict[TagKey, TagValue] = Field(default_factory=dict, max_length=40)
    costs: Costs | None = None

    @model_validator(mode="after")
    def _own_tags(self) -> Environment:
        if reserved := sorted(key for key in self.tags if key.startswith(("aws:", "sagelens:"))):
            raise ValueError(f"tags: {', '.join(reserved)} cannot be set; keys that begin with aws: or sagelens: are taken")
        return self

    def retry_of(self, step: str) -> Retries:
        """How often a step is tried again."""
        return self.steps.get(step, self.jobs).retry or self.retry

    def role_of(self, what: str) -> str:
        """The role for a kind that `Roles` names."""
        return getattr(self.roles, what) or self.role
