"""Names and ARNs of one environment. Everything that a role may touch is named before it exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from infra.settings import Environment, Settings

__all__ = ["Place", "Purpose", "Role"]


class Role(StrEnum):
    """One for each kind of job, for each step that calls AWS, and for what people do that others should not."""

    PROCESSING = "processing"
    TRAINING = "training"
    TRANSFORM = "transform"
    REGISTRATION = "registration"
    SCORING = "scoring"
    DEPLOYMENT = "deployment"
    ENDPOINT = "endpoint"
    EXECUTION = "execution"
    EVENTS = "events"
    FRONT = "front"
    CI = "ci"
    APPROVER = "approver"
    OPERATOR = "operator"


class Purpose(StrEnum):
    """What a key encrypts."""

    DATA = "data"
    VOLUMES = "volumes"
    IMAGES = "images"
    LOGS = "logs"


@dataclass(frozen=True)
class Place:
    """`keys` are the keys' ARNs; tokens while CDK synthesises."""

    settings: Settings
    environment: Environment
    keys: Mapping[Purpose, str] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        return f"sagelens-{self.settings.project}"

    @property
    def bucket(self) -> str:
        """Code, artifacts, journal: `environment.bucket` in configs/environments/."""
        return f"{self.prefix}-{self.environment.name}-{self.environment.account}"

    @property
    def data_bucket(self) -> str:
        """Where new raw data arrive."""
        return f"{self.bucket}-data"

    @property
    def log_bucket(self) -> str:
        return f"{self.bucket}-logs"

    @property
    def repository(self) -> str:
        return "sagelens"

    @property
    def starter(self) -> str:
        """The function that starts pipelines for events."""
        return f"{self.prefix}-starter"

    @property
    def undelivered(self) -> str:
        """The queue of events that started nothing."""
        return f"{self.prefix}-undelivered"

    def role_name(self, role: Role) -> str:
        return f"{self.prefix}-{role}"

    def role_arn(self, role: Role) -> str:
        return f"arn:aws:iam::{self.environment.account}:role/{self.role_name(role)}"

    def alias(self, purpose: Purpose) -> str:
        return f"alias/{self.prefix}-{purpose}"

    def pipeline(self, name: str) -> str:
        return f"{self.settings.project}-{name}"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.environment.region}:{self.environment.account}:{resource}"

    def sagemaker(self, resource: str) -> str:
        return self.arn("sagemaker", resource)

    def objects(self, key: str) -> str:
        return f"arn:aws:s3:::{self.bucket}/{key}"

    def arrived(self, key: str) -> str:
        return f"arn:aws:s3:::{self.data_bucket}/{key}"
