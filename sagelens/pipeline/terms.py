"""Under which terms a step's job runs: role, network, keys, tags, limits. Decided from the environment, without the SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sagelens.pipeline.pipeline import Gate, Pipeline, SdkStep, Transform
from sagelens.pipeline.plan import StepPlan, pipeline_name
from sagelens.pipeline.step import Job, Step
from sagelens.project import Environment, JobSettings
from sagelens.values import Phase, Placement, digest_bytes, has_local_storage

__all__ = ["Terms", "Whole", "connected_steps", "is_isolated", "role_kind"]

_CALLERS = {
    Phase.EVALUATION: "registration",  # it looks up the champion among the registered models
    Phase.REGISTRATION: "registration",
    Phase.SCORING: "scoring",
    Phase.DEPLOYMENT: "deployment",
}
"""Whose role a step has that calls AWS, by its phase."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """`placement.volume_key` is empty for instances that refuse one; `checkpoints` is an S3 prefix, empty where none are kept."""

    role: str
    settings: JobSettings
    placement: Placement
    checkpoints: str = ""

    @property
    def encrypts_traffic(self) -> bool:
        """Between the containers of one job, where there are several."""
        return self.settings.instance_count > 1


@dataclass(frozen=True)
class Whole:
    """What holds for every step of a compiled pipeline: the project's name, the pipeline's, the environment."""

    project: str
    pipeline: str
    environment: Environment

    @property
    def name(self) -> str:
        """The pipeline's name in SageMaker."""
        return pipeline_name(self.project, self.pipeline)

    @property
    def prefix(self) -> str:
        return f"s3://{self.environment.bucket}/{self.name}"

    def of_step(self, planned: StepPlan) -> Terms:
        step = planned.step
        settings = self._settings(step.name)
        terms = Terms(
            role=self.environment.role_of(role_kind(step)),
            settings=settings,
            placement=self._placement(step, settings, isolated=is_isolated(step, settings)),
        )
        kept = step.job is Job.TRAINING and settings.spot
        return replace(terms, checkpoints=f"{self.prefix}/checkpoints/{self._work(planned)}") if kept else terms

    def of_transform(self, node: Transform) -> Terms:
        """It runs under the role and in the network of its model, and has no stopping condition: the API knows none."""
        settings = self._settings(node.name)
        return Terms(role="", settings=settings, placement=self._placement(node, settings, isolated=True))

    def _settings(self, step: str) -> JobSettings:
        return self.environment.steps.get(step, self.environment.jobs)

    def _placement(self, node: Step | Transform, settings: JobSettings, *, isolated: bool) -> Placement:
        network, keys = self.environment.network, self.environment.keys
        refused = has_local_storage(settings.instance_type)
        return Placement(
            subnets=network.subnets if network else (),
            security_groups=network.security_groups if network else (),
            isolated=isolated,
            data_key=keys.data or "",
            volume_key="" if refused else keys.volumes or "",
            tags=self._tags(node),
        )

    def _tags(self, node: Step | Transform) -> Mapping[str, str]:
        return {
            "sagelens:project": self.project,
            "sagelens:environment": self.environment.name,
            "sagelens:pipeline": self.pipeline,
            "sagelens:step": node.name,
            "sagelens:phase": str(node.phase),
            **self.environment.tags,
        }

    def _work(self, planned: StepPlan) -> str:
        """What a training job does, as far as it is known before it runs; the job itself tells its data apart."""
        parts = (planned.code_uri, planned.config_uri, self.environment.image)
        return digest_bytes("\n".join(parts).encode())


def role_kind(step: Step) -> str:
    """Which of the environment's `roles` a step runs under."""
    if step.job is Job.TRAINING:
        return "training"
    return _CALLERS.get(step.phase or Phase.COLLECTION, "processing") if step.services else "processing"


def is_isolated(step: Step, settings: JobSettings) -> bool:
    """Whether its container is cut off from every network: unless it calls AWS, or collects, which may fetch."""
    if settings.isolation is not None:
        return settings.isolation
    return not step.services and step.phase is not Phase.COLLECTION


def connected_steps(pipeline: Pipeline, environment: Environment) -> tuple[str, ...]:
    """The steps of a pipeline that are not cut off from the network. Raw SDK steps answer for themselves."""
    steps = (node.step if isinstance(node, Gate) else node for node in pipeline.nodes if not isinstance(node, SdkStep))
    return tuple(
        step.name
        for step in steps
        if isinstance(step, Step) and not is_isolated(step, environment.steps.get(step.name, environment.jobs))
    )
