"""The local SageMaker's process: puts the rooms together, serves, ends cleanly.

`python -m sagelens.local.service --root PROJECT` runs it in the foreground; `sagelens.local.lifecycle` starts it detached.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelens.errors import BadInput, SagelensError
from sagelens.local.api import Api
from sagelens.local.api.model import service_model
from sagelens.local.api.server import HttpServer
from sagelens.local.clock import ClockFile
from sagelens.local.fingerprint import fingerprint
from sagelens.local.forking.families import families_of
from sagelens.local.forking.views import Views
from sagelens.local.identity import Identity
from sagelens.local.lifecycle import Running, Settings, State, variables
from sagelens.local.logs import Logs
from sagelens.local.objects import ObjectStore, S3Server
from sagelens.local.pace import scale_of
from sagelens.local.ports import Handler
from sagelens.local.projector import Projector
from sagelens.local.registry import Registry
from sagelens.local.runtime import runtime_folder
from sagelens.local.state import RUNTIMES
from sagelens.local.store import Store
from sagelens.text.plain import PlainFormatter

if TYPE_CHECKING:
    from sagelens.local.endpoints.server import Servers
    from sagelens.local.events import Events
    from sagelens.local.jobs.runtime import JobRuntime

__all__ = ["main"]

log = logging.getLogger("sagelens.local")

_LOOKS = 2.0  # s: how soon a service ends whose folder is gone
_LAST_SECONDS = 15.0
_INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "SAGELENS_EXPERIMENT", "SSL_CERT_FILE", "TMPDIR", "TZ", "USER")

_SDK_DEFAULTS = """\
# Read by the SageMaker SDK as its administrator's defaults: no usage telemetry; and the bucket that it would choose itself after
# asking AWS's own STS, whose address it does not let one change.
SchemaVersion: "1.0"
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
      Session:
        DefaultS3Bucket: {bucket}
"""


@dataclass(frozen=True, kw_only=True)
class _Arguments:
    root: Path
    settings: Settings
    listener: socket.socket
    fingerprint: str


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def main() -> None:
    arguments = _arguments()
    _log_to_standard_error()
    state = State(arguments.root)
    try:
        state.prepare()
        with state.serving():
            state.service.unlink(missing_ok=True)
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(_serve(state, arguments))
            logging.shutdown()
            os._exit(0)  # with the lock still held: who waits for the lock waits for the process
    except SagelensError as error:
        log.error("%s", error.message)  # noqa: TRY400  the message says it all
        sys.exit(error.exit_code)


async def _serve(state: State, arguments: _Arguments) -> None:
    running = _running(state, arguments)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, running.sockets, ignore_errors=True)
        s3 = S3Server(
            state.objects,
            _listen(0),
            access_key=running.access_key,
            secret_key=running.secret_key,
            log=state.logs / "s3.log",
            sockets=Path(running.sockets),
            records=state.folder / "rclone",
        )
        running = Running(**{**vars(running), "s3_port": s3.port})
        objects = ObjectStore(state.objects)
        s3.start()
        stack.push_async_callback(s3.close)
        await asyncio.sleep(0)  # rclone and the imports below take their time side by side
        handlers: dict[str, Handler] = {}
        kept = ClockFile(state.clock)
        clock = kept.start(running.clock)
        stack.callback(kept.stop, clock)
        api = Api(handlers, running.access_key, clock)
        projector = await _compose(stack, state, running, objects, api, handlers)
        server = HttpServer(api, arguments.listener)
        await server.start()
        stack.push_async_callback(server.close)
        state.sdk_defaults.write_text(_SDK_DEFAULTS.format(bucket=f"sagemaker-{running.region}-{running.account}"))
        state.write(running)
        stack.callback(state.service.unlink, missing_ok=True)
        log.info("answering on 127.0.0.1:%s, S3 on 127.0.0.1:%s, process %s", running.port, running.s3_port, running.pid)
        await projector.start()
        await asyncio.to_thread(service_model, "sagemaker")
        watching = asyncio.create_task(_watch(state, stop))
        await stop.wait()
        watching.cancel()
        log.info("ending")


async def _watch(state: State, stop: asyncio.Event) -> None:
    """End when the folder is gone from under the service: nobody finds it any more, and what it keeps is nowhere."""
    while not state.lost():  # noqa: ASYNC110 - nothing tells of a folder that goes
        await asyncio.sleep(_LOOKS)
    log.warning("%s was removed or moved; ending", state.folder)
    asyncio.get_running_loop().call_later(_LAST_SECONDS, os._exit, 1)  # whatever cannot be closed without it
    stop.set()


async def _compose(
    stack: AsyncExitStack,
    state: State,
    running: Running,
    objects: ObjectStore,
    api: Api,
    handlers: dict[str, Handler],
) -> Projector:
    """Make the rooms, reconcile what an earlier service left, and have each closed in the opposite order."""
    from sagelens.local.endpoints import Endpoints
    from sagelens.local.events import Events
    from sagelens.local.jobs import Jobs, Zygotes
    from sagelens.local.metrics import CloudWatch
    from sagelens.local.pipelines import Pipelines

    store = Store(state.database)
    stack.callback(store.close)
    clock = api.clock
    zygotes = Zygotes(Path(running.sockets), state.logs, environment=_environment(running))
    await zygotes.start(families_of(running.runtime))
    stack.push_async_callback(zygotes.close)
    place: dict[str, Any] = {"account": running.account, "region": running.region}
    kept: dict[str, Any] = {"store": store, "objects": objects, "clock": clock, **place}
    outside: dict[str, Any] = {"processes": zygotes, "state": state.folder, "environment": _environment(running)}
    projector = Projector(objects=objects, **outside)
    runtime, servers = await _runtime(
        stack, state, running.runtime, objects=objects, processes=zygotes, environment=outside["environment"]
    )
    views = Views(state.folder)
    jobs = Jobs(**kept, **outside, runtime=runtime, servers=servers, views=views)
    metrics = CloudWatch(store, clock, **place)
    endpoints = Endpoints(**kept, **outside, metrics=metrics, alarms=metrics, servers=servers, views=views)
    events = Events(**kept, call=api.call, metrics=metrics)
    pipelines = Pipelines(**kept, call=api.call, wait=jobs.wait, on_change=lambda document: _tell(document, projector, events))
    for room in (
        Registry(store, clock, **place),
        Identity(clock, account=running.account),
        Logs(state.logs, **place),
        metrics,
        jobs,
        endpoints,
        pipelines,
        events,
    ):
        handlers.update(room.handlers())
    events.watch(handlers)
    metrics.announce(events.alarm_changed)
    stack.push_async_callback(projector.close)
    for recovering in (metrics, jobs, endpoints, pipelines, events):
        stack.push_async_callback(recovering.close)
        await recovering.recover()
    return projector


def _tell(document: dict[str, Any], projector: Projector, events: Events) -> None:
    """Of an execution that has changed."""
    projector(document)
    events.execution_changed(document)


async def _runtime(stack: AsyncExitStack, state: State, name: str, **outside: Any) -> tuple[JobRuntime | None, Servers | None]:
    """What jobs and model servers run in; None where they are processes of this machine."""
    from sagelens.local.containers.runtime import docker_runtime, remove_containers

    if name == "docker":
        return await stack.enter_async_context(docker_runtime(state.folder, **outside))
    await remove_containers(state.folder)
    return None, None


def _running(state: State, arguments: _Arguments) -> Running:
    return Running(
        pid=os.getpid(),
        port=arguments.listener.getsockname()[1],
        s3_port=0,
        access_key=f"SAGELENS{secrets.token_hex(8).upper()}",
        secret_key=secrets.token_urlsafe(30),
        account=arguments.settings.account,
        region=arguments.settings.region,
        clock=arguments.settings.clock,
        fingerprint=arguments.fingerprint,
        runtime=arguments.settings.runtime,
        sockets=str(runtime_folder(state.root)),
        sdk_defaults=str(state.sdk_defaults),
        started=time.time(),
    )


def _environment(running: Running) -> dict[str, str]:
    """What every process that the service starts finds in its environment."""
    inherited = {name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("MLFLOW_")}
    return {**inherited, **variables(running)}


def _arguments() -> _Arguments:
    parser = argparse.ArgumentParser(prog="python -m sagelens.local.service", description="Run a project's local SageMaker.")
    parser.add_argument("--root", type=Path, required=True, help="the project's folder")
    parser.add_argument("--account", default="000000000000", help="twelve digits, for ARNs")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--clock", type=_pace, default=1.0, help="how many times as fast as the wall's the clock runs: 60x")
    parser.add_argument("--runtime", choices=RUNTIMES, default="process", help="what jobs and model servers run in")
    parser.add_argument("--port", type=int, default=0, help="0 takes any that is free")
    parser.add_argument("--listener", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--fingerprint", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.listener is None:
        listener = _listen(given.port)
    else:
        listener = socket.socket(fileno=given.listener)
        listener.set_inheritable(False)
    return _Arguments(
        root=given.root,
        settings=Settings(account=given.account, region=given.region, clock=given.clock, runtime=given.runtime),
        listener=listener,
        fingerprint=given.fingerprint or fingerprint(),
    )


def _pace(text: str) -> float:
    try:
        return scale_of(text)
    except BadInput as error:
        raise argparse.ArgumentTypeError(error.message) from error


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    return listener


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


if __name__ == "__main__":
    main()
