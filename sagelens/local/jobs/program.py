"""Which program a job runs: a step of ours in a fork of a warm interpreter, or a command of this machine."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sagelens.local.jobs.job import Job, JobFailed
from sagelens.local.ports import Spawn

__all__ = ["family_of", "spawn_of"]

_STEP = (("python3", "-m", "sagelens.job"), ("python", "-m", "sagelens.job"))
_ROOT = "/opt/ml/"
_PROGRAMS = ("bash", "python", "python3", "sh")
_TOOLS = {"python": "", "python3": "", "pip": "-m pip ", "pip3": "-m pip "}
_FAMILIES = (
    ("quality", frozenset({"great_expectations"})),
    ("tracking", frozenset({"mlflow"})),
    ("training", frozenset({"matplotlib", "scipy", "skops", "sklearn", "xgboost"})),
)


def spawn_of(
    job: Job,
    *,
    entrypoint: Sequence[str],
    arguments: Sequence[str],
    environment: Mapping[str, str],
    code: Path,
    view: Mapping[str, Any] | None,
) -> Spawn:
    """The process that does the job's work, with home and temporary folders of its own. `environment` is complete otherwise.

    A step of ours finds all by `SAGELENS_ROOT`. Any other program takes container paths literally, so it needs a view of its own;
    JobFailed where there is none.
    """
    home = job.root / "home"
    home.mkdir(exist_ok=True)
    own = {"SAGELENS_ROOT": str(job.root), "TMPDIR": str(job.scratch), "HOME": str(home)}
    if tuple(entrypoint[:3]) in _STEP:
        env = {**environment, **own}
        if "PYTHONPATH" in env:
            env["PYTHONPATH"] = _mapped(env["PYTHONPATH"], job)
        return Spawn(
            family=family_of(code),
            call="sagelens.job.main:main",
            argv=(*entrypoint[3:], *arguments),
            env=env,
            cwd=job.root,
            log=job.log,
            view=view,
        )
    if view is None:
        raise JobFailed(
            "ClientError: the process runtime runs programs other than steps of a pipeline of ours only in a view of the file "
            "system of their own, since they would change this machine, and here none can be had (`sagelens local logs` says "
            "why). Use the docker runtime: `sagelens local start --runtime docker`."
        )
    env = {**environment, **own, **_tools(job, environment)}
    command = [_program(entrypoint, env), *entrypoint[1:], *arguments]
    return Spawn(command=command, env=env, cwd=job.root, log=job.log, view=view)


def _tools(job: Job, environment: Mapping[str, str]) -> dict[str, str]:
    """Python and pip of the job's own: this interpreter, and a folder for what is installed, which goes with the job."""
    tools, packages = job.root / "bin", job.root / "packages"
    tools.mkdir(exist_ok=True)
    for name, arguments in _TOOLS.items():
        tool = tools / name
        tool.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments}"$@"\n')
        tool.chmod(0o755)
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {
        **settings,
        "PATH": os.pathsep.join((str(tools), environment.get("PATH", os.defpath))),
        "PIP_TARGET": str(packages),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": os.pathsep.join((*paths, str(packages))),
    }


def family_of(code: Path) -> str:
    """The family of imports that the step's code needs, from the manifest that travels with it."""
    try:
        imports = set(json.loads((code / "sagelens-code.json").read_bytes())["imports"])
    except (OSError, ValueError, KeyError, TypeError):
        imports = set()
    return next((family for family, needed in _FAMILIES if needed & imports), "tables")


def _program(entrypoint: Sequence[str], env: Mapping[str, str]) -> str:
    """Python is this interpreter: like the image's, it has the libraries."""
    name = entrypoint[0] if entrypoint else ""
    if Path(name).name.startswith("python") and Path(name).name in _PROGRAMS:
        return sys.executable
    found = shutil.which(name, path=env.get("PATH", os.defpath)) if Path(name).name in _PROGRAMS else None
    if found is None:
        raise JobFailed(
            f"ClientError: the process runtime cannot run the entrypoint '{' '.join(entrypoint) or 'of the image'}'. It runs "
            f"'python3 -m sagelens.job' and programs of this machine: {', '.join(_PROGRAMS)}. "
            "Use the docker runtime (sagelens local start --runtime docker) for what needs the image."
        )
    return found


def _mapped(text: str, job: Job) -> str:
    """Container paths below the job's folder, wherever they stand in a word."""
    here = f"{job.root}{_ROOT}"
    parts = text.split(_ROOT)
    mapped = parts[0]
    for part in parts[1:]:
        mapped += (_ROOT if mapped.endswith(str(job.root)) else here) + part
    return mapped
