"""Which program a job runs: a step of ours in a fork of a warm interpreter, or a command of this machine."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sagelens.local.jobs.job import Job, JobFailed
from sagelens.local.ports import Spawn

__all__ = ["family_of", "spawn_of"]

_STEP = (("python3", "-m", "sagelens.job"), ("python", "-m", "sagelens.job"))
_ROOT = "/opt/ml/"
_PROGRAMS = ("bash", "python", "python3", "sh")
_FAMILIES = (
    ("quality", frozenset({"great_expectations"})),
    ("tracking", frozenset({"mlflow"})),
    ("training", frozenset({"matplotlib", "scipy", "skops", "sklearn", "xgboost"})),
)


def spawn_of(
    job: Job, *, entrypoint: Sequence[str], arguments: Sequence[str], environment: Mapping[str, str], code: Path
) -> Spawn:
    """The process that does the job's work. `environment` is complete; container paths in it are mapped into the job's folder."""
    if tuple(entrypoint[:3]) in _STEP:
        env = {**environment, "SAGELENS_ROOT": str(job.root), "TMPDIR": str(job.scratch)}
        if "PYTHONPATH" in env:
            env["PYTHONPATH"] = _mapped(env["PYTHONPATH"], job)
        return Spawn(
            family=family_of(code),
            call="sagelens.job.main:main",
            argv=(*entrypoint[3:], *arguments),
            env=env,
            cwd=job.root,
            log=job.log,
        )
    env = {name: _mapped(value, job) for name, value in environment.items()}
    env |= {"SAGELENS_ROOT": str(job.root), "TMPDIR": str(job.scratch)}
    command = [_mapped(word, job) for word in (*entrypoint, *arguments)]
    return Spawn(command=[_program(entrypoint, env), *command[1:]], env=env, cwd=job.root, log=job.log)


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
