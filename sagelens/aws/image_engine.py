"""Docker's command line, which knows the engine of whoever calls it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagelens.errors import NotFound, ServiceUnavailable, StepFailed

__all__ = ["Docker"]

_SHOWN = 2  # standard error: what the engine says must not come between the JSON on standard output
_ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Docker:
    """Commands for one engine. `options` come before the command, such as `--config FOLDER`."""

    options: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = field(default=None, repr=False)

    def require(self) -> None:
        """Raise unless an engine answers."""
        self._run("version", "--format", "{{.Server.Version}}", failing=ServiceUnavailable, advice=_START)

    def host(self) -> str:
        """The address of the engine that is in use, which may be a setting of the person's own."""
        return self.output("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")

    def output(self, *arguments: str, text: str | None = None) -> str:
        """What a short command prints; `text` is its standard input. Raises StepFailed with what it said when it fails."""
        return self._run(*arguments, text=text).strip()

    def inspect(self, image: str) -> dict[str, Any] | None:
        """What the engine knows of an image; None for one that it does not have."""
        found = json.loads(self._run("image", "inspect", image, tolerant=True) or "[]")
        return dict(found[0]) if found else None

    def show(self, *arguments: str) -> None:
        """A long command whose words go to standard error as they come. Raises StepFailed when it fails."""
        command = self._command(arguments)
        try:
            ended = subprocess.run(command, stdout=_SHOWN, stdin=subprocess.DEVNULL, env=self.environment, check=False)
        except FileNotFoundError as error:
            raise NotFound(_INSTALL) from error
        if ended.returncode:
            raise StepFailed(f"`docker {arguments[0]}` ended with code {ended.returncode}; what it said last is above.")

    def _run(
        self,
        *arguments: str,
        text: str | None = None,
        tolerant: bool = False,
        failing: type[StepFailed | ServiceUnavailable] = StepFailed,
        advice: str = "",
    ) -> str:
        command = self._command(arguments)
        try:
            ended = subprocess.run(
                command,
                input=text or "",
                text=True,
                capture_output=True,
                env=self.environment,
                check=False,
                timeout=_ANSWER_SECONDS,
            )
        except FileNotFoundError as error:
            raise NotFound(_INSTALL) from error
        except subprocess.TimeoutExpired as error:
            raise ServiceUnavailable(f"`docker {arguments[0]}` did not answer within {_ANSWER_SECONDS} s.{_START}") from error
        if ended.returncode and not tolerant:
            said = " ".join(ended.stderr.split()) or f"code {ended.returncode}"
            raise failing(f"`docker {arguments[0]}` failed: {said}{advice}")
        return ended.stdout

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return ["docker", *self.options, *arguments]


_START = " Start a Docker engine and run again; pipelines with the process runtime need none."
_INSTALL = "The command `docker` is not on PATH. Install Docker; pipelines with the process runtime need neither it nor an image."
