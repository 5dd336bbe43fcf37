"""What is asked of Docker before anything is started. Standard library only, since it is on the way of `local start`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from sagelens.errors import ServiceUnavailable

__all__ = ["client_environment", "require_docker"]

_CLIENTS = ("HOME", "PATH", "SSL_CERT_FILE", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
_INSTEAD = "Or use the process runtime, which needs none: `sagelens local start --runtime process`."
_PATIENCE = 20.0


def client_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What Docker's client needs to find its engine, and nothing else."""
    return {name: value for name, value in environment.items() if name in _CLIENTS or name.startswith("DOCKER_")}


def require_docker() -> None:
    """ServiceUnavailable, in plain words, unless there are a client, an engine that answers, and Compose."""
    failed = _failure(("docker", "version", "--format", "{{.Server.Version}}"))
    if failed is not None:
        raise ServiceUnavailable(
            f"The docker runtime needs a Docker engine that answers; it does not: {failed}. Start it. {_INSTEAD}"
        )
    lacking = [command for command in (("docker", "compose", "version"), ("docker-compose", "version")) if _failure(command)]
    if len(lacking) == 2:
        raise ServiceUnavailable(
            "The docker runtime needs Docker Compose, which SageMaker's local mode runs its jobs with: neither `docker compose` "
            f"nor `docker-compose` answers. Install it. {_INSTEAD}"
        )


def _failure(command: Sequence[str]) -> str | None:
    """Why a command of Docker's client does not succeed; None if it does."""
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
            env=client_environment(),
        )
    except FileNotFoundError:
        return f"there is no `{command[0]}` on PATH"
    except subprocess.TimeoutExpired:
        return f"`{' '.join(command)}` had no answer in {_PATIENCE:.0f} s"
    if answer.returncode == 0:
        return None
    lines = (answer.stderr or answer.stdout).strip().splitlines()
    return lines[-1].rstrip(".") if lines else f"`{' '.join(command)}` ended with exit code {answer.returncode}"
