"""The bridge to the SageMaker SDK's local mode: one job, in a process of its own. What the SDK lacks or gets wrong is put right
here and nowhere else; `tests/unit/local_containers/test_sdk.py` fails when it need not be any more.

Kept of the SDK: its client and what it checks, the download of inputs and the upload of outputs over the S3 API, the volumes,
Compose. Put right:
- The container is followed by its own log, by name. The SDK's reading of Compose's output loses what is written last.
- A name, a user, a network, limits, labels, an init process; no terminal, no capabilities, no new privileges.
- The environment is the job's own: no credentials in Compose's file, and `$` means a dollar.
- What SageMaker keeps of a job that fails or is stopped is kept, and nothing else; a model that is wanted as a folder is one.
- The configuration below /opt/ml is what the service wrote, and the messages that the job leaves are where the service reads
  them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelens.local.containers.order import Ended, Order

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Bridge", "main"]

_HOST = "algo-1"
_GRACE = 110.0
"""Seconds between SIGTERM and SIGKILL, a little less than the service grants."""
_STOPPED = 143
_MODEL = "/opt/ml/model"


class _Trouble(Exception):
    """The container could not be run."""


class _Failed(Exception):
    """The container ended with another code than 0, or is not to be started any more; the SDK stops there, after what it does in
    any case."""


class Bridge:
    """Mixed into the SDK's container, before it. `order` and `ended` belong to the one job of this process."""

    order: Order
    ended: Ended
    stopped = False
    hosts: Sequence[str]
    container_root: str
    sagemaker_session: Any
    compose_cmd_prefix: list[str]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.hosts = [_HOST]

    def write_processing_config_files(self, *_: Any) -> None:
        """The service has written them."""

    def write_config_files(self, *_: Any) -> None:
        """The service has written them."""

    def _build_optml_volumes(self, _host: str, folders: set[str]) -> list[Any]:
        """What is not an input or output lies in the job's folder."""
        from sagemaker.core.local.image import _Volume

        root = Path(self.order.root, "opt", "ml")
        (root / "output" / "data").mkdir(parents=True, exist_ok=True)
        tops = sorted({folder.partition("/")[0] for folder in folders})
        return [_Volume(str(root / folder), f"/opt/ml/{folder}") for folder in tops]

    def _create_docker_host(self, host: str, environment: list[str], folders: set[str], command: str, volumes: list[Any]) -> Any:
        volumes = [*volumes, *self._checkpoints()]
        for volume in volumes:
            Path(volume.host_dir).mkdir(parents=True, exist_ok=True)  # the engine would make it root's
        made = super()._create_docker_host(host, environment, folders, command, volumes)  # type: ignore[misc]
        return service_of(made, self.order)

    def _checkpoints(self) -> list[Any]:
        """The folder for checkpoints is where the objects are: local mode has none, and what is kept has to outlive the job."""
        from sagemaker.core.local.image import _Volume

        config = self.order.request.get("CheckpointConfig")
        if config is None:
            return []
        path = config.get("LocalPath", "/opt/ml/checkpoints")
        return [_Volume(str(Path(self.order.root, path.lstrip("/")).resolve()), path)]

    def _compose(self, detached: bool = False) -> list[str]:
        """Compose starts the container and is done; see `follow`."""
        del detached
        if self.stopped:
            raise _Failed
        self._drop_what_is_not_needed()
        return [*self.compose_cmd_prefix, "-f", self._compose_file, "-p", _project(self.order), "up", "--detach", "--no-build"]

    @property
    def _compose_file(self) -> str:
        return str(Path(self.container_root, "docker-compose.yaml"))

    def _drop_what_is_not_needed(self) -> None:
        """A network that no container joins."""
        import yaml

        file = Path(self._compose_file)
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        content.pop("networks", None)
        file.write_text(yaml.safe_dump(content), encoding="utf-8")

    def _upload_processing_outputs(self, folder: str, config: Mapping[str, Any] | None) -> None:
        outputs = (config or {}).get("Outputs", ())
        kept = [item for item in outputs if self._succeeded or item["OutputName"] in self.order.kept]
        super()._upload_processing_outputs(folder, {"Outputs": kept})  # type: ignore[misc]

    def retrieve_artifacts(self, _compose: Any, config: Mapping[str, Any], name: str) -> str:
        """Store the model and the output data, as folders or archives; where the model is."""
        where = f"{config['S3OutputPath'].rstrip('/')}/{name}/output"
        made = {"data": Path(self.order.root, "opt/ml/output/data")}
        if self._succeeded or self.stopped:
            made["model"] = Path(self.container_root, "model")
        for kind, folder in made.items():
            if any(folder.iterdir()):
                self._store(folder, where, kind, as_folder=config.get("CompressionType") == "NONE")
        return f"{where}/model"

    @property
    def _succeeded(self) -> bool:
        return self.ended.code == 0 and not self.ended.trouble and not self.stopped

    def _store(self, made: Path, where: str, kind: str, *, as_folder: bool) -> None:
        bucket, _, key = where.removeprefix("s3://").partition("/")
        if as_folder:
            self.sagemaker_session.upload_data(str(made), bucket, f"{key}/{kind}")
            return
        from sagelens.local.jobs.outputs import archive

        packed = Path(self.container_root, "packed", "output.tar.gz" if kind == "data" else "model.tar.gz")
        archive(made, packed)
        self.sagemaker_session.upload_data(str(packed), bucket, key)


def service_of(made: Mapping[str, Any], order: Order) -> dict[str, Any]:
    """The container as Compose is to run it, from what the SDK made of it."""
    dropped = {"networks", "tty", "stdin_open", "environment", "container_name"}
    kept = {name: value for name, value in made.items() if name not in dropped}
    for name in ("entrypoint", "command", "volumes"):
        if name in kept:
            kept[name] = _literal(kept[name])
    values = {name: _literal(value) for name, value in order.environment.items()}
    return {
        **kept,
        "container_name": order.container,
        "environment": {**values, **dict.fromkeys(order.secrets)},
        "user": order.user,
        "network_mode": order.network,
        "labels": dict(order.labels),
        "init": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "cpus": order.cpus,
        "mem_limit": order.memory,
        "memswap_limit": order.memory,
        **({"extra_hosts": ["host.docker.internal:host-gateway"]} if order.network == "bridge" else {}),
    }


def _literal(value: Any) -> Any:
    """Compose puts variables of its own in place of `$NAME`."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    return [_literal(word) for word in value]


def _project(order: Order) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in order.container.lower())


def follow(container: type[Bridge]) -> Callable[[subprocess.Popen[bytes]], int]:
    """What is put in place of the SDK's reading of Compose's output: the container's own log and exit code."""

    def follow_container(compose: subprocess.Popen[bytes]) -> int:
        name = container.order.container
        output, _ = compose.communicate()
        try:
            if compose.returncode and not container.stopped:
                raise _Trouble(_last_line(output) or f"Docker Compose ended with exit code {compose.returncode}")
            if container.stopped:
                _send("TERM", name)  # it may not have been there when the signal came
            _docker("logs", "--follow", name, out=None)
            code = _docker("wait", name)
            lost = code == "137" and _docker("inspect", "--format", "{{.State.OOMKilled}}", name) == "true"
            container.ended = Ended(code=int(code) if code.isdigit() else _STOPPED, out_of_memory=lost)
        finally:
            _docker("rm", "--force", "--volumes", name)
        if container.ended.code:
            raise _Failed
        return 0

    return follow_container


def _docker(*arguments: str, out: int | None = subprocess.PIPE) -> str:
    """What the client answers. A session of its own, so that a signal for the job does not end it."""
    errors = subprocess.DEVNULL if out is not None else None
    done = subprocess.run(
        ("docker", *arguments),  # noqa: S607  whichever client is on PATH, as the SDK does
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=errors,
        check=False,
        start_new_session=True,
    )
    return (done.stdout or b"").decode("utf-8", "replace").strip()


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else ""


def _heed_signals(container: type[Bridge]) -> None:
    """SIGTERM is the container's; when it has outlived its grace, it is killed."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        container.stopped = True
        name = container.order.container
        _send("TERM", name)
        last = threading.Timer(_GRACE, _send, ("KILL", name))
        last.daemon = True
        last.start()

    signal.signal(signal.SIGTERM, stop)


def _send(name: str, container: str) -> None:
    subprocess.Popen(
        ("docker", "kill", "--signal", name, container),  # noqa: S607
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _run(order: Order, container: type[Bridge]) -> None:
    import sagemaker.core.local.local_session as local
    from sagemaker.core.local import image

    class Container(container, image._SageMakerContainer):  # type: ignore[misc, valid-type]  # noqa: SLF001
        pass

    image._stream_output = follow(container)  # noqa: SLF001
    local._SageMakerContainer = Container  # noqa: SLF001
    client = local.LocalSagemakerClient(_session(order))
    if order.noun == "Processing":
        client.create_processing_job(**_processing(order))
    else:
        client.create_training_job(**_training(order))


def _session(order: Order) -> Any:
    """One that keeps what it downloads in the job's folder."""
    from sagemaker.core.local.local_session import LocalSession

    session = LocalSession()
    session.config = {"local": {"container_root": str(Path(order.root, "tmp")), "local_code": False}}
    return session


def _processing(order: Order) -> dict[str, Any]:
    """The members that local mode knows; of the others it would say that it does not. Outputs are stored at the end."""
    request = json.loads(json.dumps(order.request))
    for item in request.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        item["S3Output"]["S3UploadMode"] = "EndOfJob"
    known = ("AppSpecification", "ProcessingResources", "ProcessingInputs", "ProcessingOutputConfig")
    return {"ProcessingJobName": order.name, **{name: request[name] for name in known if name in request}}


def _training(order: Order) -> dict[str, Any]:
    known = ("AlgorithmSpecification", "OutputDataConfig", "ResourceConfig", "InputDataConfig", "HyperParameters")
    request = {name: order.request[name] for name in known if name in order.request}
    return {"TrainingJobName": order.name, "InputDataConfig": [], **request}


def main() -> int:
    """Run the job that the order named by the first argument describes; the container's exit code."""
    import logging

    logging.getLogger("sagemaker").setLevel(logging.ERROR)
    order = Order.read(Path(sys.argv[1]))
    container = Bridge
    container.order, container.ended = order, Ended()
    _heed_signals(container)
    try:
        _run(order, container)
    except _Failed:
        pass
    except _Trouble as trouble:
        container.ended = Ended(trouble=f"the job's container could not be run: {trouble}")
    except Exception as error:  # noqa: BLE001  whatever the SDK raises is the job's end, and has to be told as such
        container.ended = Ended(trouble=f"SageMaker's local mode could not run the job: {type(error).__name__}: {error}")
    container.ended.write(Path(order.root))
    shutil.rmtree(Path(order.root, "tmp"), ignore_errors=True)
    sys.stdout.flush()
    return os.EX_SOFTWARE if container.ended.trouble else container.ended.code
