"""The model server's process: loads the model, then listens where SageMaker's hosting contract says."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from sagelens.errors import BadConfig, SagelensError, ServiceUnavailable, to_failure_message
from sagelens.serving.verified import KEY_VARIABLE, VERIFIED

__all__ = ["main"]

DRAIN_SECONDS = 25  # SageMaker kills a container 30 s after SIGTERM
KEEP_ALIVE_SECONDS = 75
"""A connection is closed by whoever sends on it, well before: one that the server closed just when a request was sent would leave
that request without an answer, and nobody could say whether the model has seen it."""


def main() -> None:
    """Serve until SIGTERM, then finish the requests that were taken. Settings are the environment variables of the contract."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        with tempfile.TemporaryDirectory(prefix="sagelens-model-", ignore_cleanup_errors=True) as home:
            _serve(Path(home))
    except SagelensError as error:
        print(to_failure_message(error), file=sys.stderr, flush=True)
        sys.exit(error.exit_code)


def _serve(home: Path) -> None:
    import uvicorn

    from sagelens.serving.app import MEGABYTE, PATIENCE, App
    from sagelens.serving.door import Bounds, door

    root = os.environ.get("SAGELENS_ROOT", "")
    host = "127.0.0.1" if root else "0.0.0.0"  # noqa: S104 (in a container, SageMaker calls from outside)
    port = _number("SAGEMAKER_BIND_TO_PORT", 8080)
    max_bytes = _number("SAGEMAKER_MAX_PAYLOAD_IN_MB", 25) * MEGABYTE
    key = os.environ.pop(KEY_VARIABLE, "")  # the model's own code has no use for it
    servable = _load(Path(f"{root}/opt/ml/model"), os.environ.get("SAGELENS_MODEL_DIGEST") or None, home)
    listener = _listen(host, port)
    config = uvicorn.Config(
        App(servable, max_bytes),
        http=door(key, Bounds(message=(PATIENCE + 1) * max_bytes + MEGABYTE)),
        loop="uvloop",
        ws="none",
        interface="asgi3",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    server = uvicorn.Server(config)
    asked: list[str] = []

    def end(number: int, _: object) -> None:
        """Before uvicorn listens to the signal, and after it has drained, when it raises the signal again: so the code is 0."""
        asked.append(signal.Signals(number).name)
        server.should_exit = True

    signal.signal(signal.SIGTERM, end)
    print(f"Serving model {servable.digest} on {host}:{port}", file=sys.stderr, flush=True)
    server.run(sockets=[listener])
    print(f"Serving ended: {' '.join(asked) or 'nobody asked for it'}", file=sys.stderr, flush=True)


def _leave(number: int, _: object) -> None:
    """While the model loads there is nothing to finish. The first process of a container ignores what it has no handler for."""
    os._exit(128 + number)


def _load(folder: Path, expected: str | None, home: Path) -> Any:
    """The model, from a copy in `home` of what was checked, unless whoever started this process has made one."""
    from sagelens.serving.manifest import copied, packaged_digest
    from sagelens.serving.servable import Servable

    sys.dont_write_bytecode = True
    made = os.environ.pop(VERIFIED, "")
    digest = packaged_digest(Path(made)) if made else copied(folder, home, expected)
    copy = Path(made) if made else home
    if str(copy / "code") not in sys.path:
        sys.path.insert(0, str(copy / "code"))
    servable = Servable.of_checked(copy, digest)
    sample = (copy / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    servable.predict_rows([json.loads(line) for line in sample])  # so that no caller pays for what happens once
    gc.collect()
    gc.freeze()
    return servable


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ServiceUnavailable(
            f"The model server cannot listen on {host}:{port}: {error.strerror}. Set SAGEMAKER_BIND_TO_PORT to a free port."
        ) from error
    listener.set_inheritable(True)
    return listener


def _number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal():
        raise BadConfig(f"{name} is '{text}'; a whole number is needed.")
    return int(text)
