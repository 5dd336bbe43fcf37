"""Jobs in containers: a process beside the service hands each to SageMaker's local mode."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sagelens.local.containers.client import client_environment
from sagelens.local.containers.contents import SECRETS, container_environment, host_user
from sagelens.local.containers.engine import Engine, EngineError
from sagelens.local.containers.limits import limits_of, this_machine
from sagelens.local.containers.order import Ended, Order
from sagelens.local.containers.process import ContainerProcess
from sagelens.local.jobs.exits import exit_text
from sagelens.local.jobs.inputs import find_inputs
from sagelens.local.jobs.job import Job, JobFailed, Noun
from sagelens.local.jobs.runtime import Program
from sagelens.local.ports import Document, Objects, Process, Processes, Spawn

__all__ = ["ContainerJobs", "no_image"]

_CALL = "sagelens.local.containers.local_mode:main"
_NETWORKS = {"linux": "host"}
"""Where the service is reached at 127.0.0.1; elsewhere it has a name in the engine's ordinary network."""


class ContainerJobs:
    """The job runtime of containers. `environment` is where the service's API is, and its credentials."""

    def __init__(
        self, objects: Objects, processes: Processes, engine: Engine, environment: Mapping[str, str], platform: str
    ) -> None:
        self._objects = objects
        self._processes = processes
        self._engine = engine
        self._environment = environment
        self._platform = platform

    def bring(self, wanted: Mapping[Path, str]) -> None:
        """Local mode downloads them; that there are some is seen to here, since it would not say."""
        for uri in wanted.values():
            find_inputs(self._objects, uri)

    async def start(self, job: Job, program: Program) -> Process:
        image = _image_of(job)
        try:
            if not await self._engine.has_image(image):
                raise JobFailed(f"ClientError: {no_image(image)}")
        except EngineError as error:
            raise JobFailed(
                f"InternalServerError: the Docker engine does not answer: {error}. Start it, and the job again."
            ) from error
        order = self._order(job, program)
        process = await self._processes.spawn(
            Spawn(
                family="sdk",
                call=_CALL,
                argv=(str(order.write()),),
                env={
                    **{name: value for name, value in self._environment.items() if name.startswith(("AWS_", "SAGEMAKER_"))},
                    **client_environment(),
                    "TMPDIR": str(job.scratch),
                },
                cwd=job.root,
                log=job.log,
            )
        )
        return ContainerProcess(process, order.container, self._engine)

    def publish(self, made: Path, target: Path) -> None:
        """Local mode has uploaded it."""

    def archive(self, made: Path, target: Path) -> None:
        """Local mode has uploaded it."""

    def told(self, job: Job, code: int) -> str:
        ended = Ended.read(job.root)
        if ended.trouble:
            raise JobFailed(f"InternalServerError: {ended.trouble}")
        if ended.out_of_memory:
            limit = limits_of(_instance_of(job), this_machine()).memory / 1024**3
            return f"killed for want of memory: its container had {limit:.3g} GiB, what {_instance_of(job)} has on this machine"
        return exit_text(code)

    def _order(self, job: Job, program: Program) -> Order:
        isolated = _isolated(job)
        limits = limits_of(_instance_of(job), this_machine())
        return Order(
            noun=str(job.noun),
            name=job.name,
            request=job.request,
            root=str(job.root),
            container=self._engine.name_of(job.name),
            user=host_user(),
            network="none" if isolated else _NETWORKS.get(self._platform, "bridge"),
            environment=container_environment(program.environment, self._environment, isolated=isolated, platform=self._platform),
            secrets=() if isolated else [name for name in SECRETS if name in self._environment],
            labels=self._engine.labels,
            cpus=limits.cpus,
            memory=limits.memory,
            kept=("evidence",),
        )


def no_image(image: str) -> str:
    return f"the image '{image}' is not on this machine. Build it: `sagelens image build`"


def _image_of(job: Job) -> str:
    if job.noun is Noun.PROCESSING:
        return str(job.request["AppSpecification"]["ImageUri"])
    image = job.request["AlgorithmSpecification"].get("TrainingImage")
    if not image:
        raise JobFailed("ClientError: AlgorithmSpecification names no TrainingImage, and containers are run from one.")
    return str(image)


def _resources_of(job: Job) -> Document:
    request = job.request
    found: Document = (
        request["ProcessingResources"]["ClusterConfig"] if job.noun is Noun.PROCESSING else request["ResourceConfig"]
    )
    return found


def _instance_of(job: Job) -> str:
    return str(_resources_of(job).get("InstanceType", "an instance"))


def _isolated(job: Job) -> bool:
    place = job.request.get("NetworkConfig", {}) if job.noun is Noun.PROCESSING else job.request
    return bool(place.get("EnableNetworkIsolation", False))
