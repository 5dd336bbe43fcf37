"""The training pipeline and batch scoring, run once for each runtime in projects of their own; shared by all who compare them."""

from __future__ import annotations

import atexit
import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from tests.docker.runtime import IMAGE
from tests.integration.conftest import REPOSITORY, Outcome, Workspace, workspace_at

__all__ = ["EXAMPLE", "WITH_IMAGE", "Run", "run_in"]

WITH_IMAGE = ("--set", f"environment.image={IMAGE}")
EXAMPLE = str(REPOSITORY / "configs" / "examples" / "request.json")
_BUCKET = "sagelens-flights"
_OWN = re.compile(r"pipelines-\w{12}-[\w-]+-\w{10}")
"""The name of a job, which is another one each time."""
_MODEL = re.compile(r"flights-[0-9a-f]{12}-[0-9a-f]{6}")
"""The name of a deployed model, which ends differently each time."""


@dataclass(frozen=True)
class Run:
    """A project in which a model was trained and deployed, and a month scored with it, in one runtime."""

    workspace: Workspace
    trained: Outcome
    scored: Outcome

    def sound(self) -> Run:
        """This, once both have succeeded."""
        for outcome in (self.trained, self.scored):
            assert outcome.code == 0, outcome.err
        return self

    def files(self, outcome: Outcome) -> dict[str, bytes]:
        """What the steps of a pipeline stored, by the place below its execution's; names of jobs are left out."""
        folder = self.workspace.root / ".sagelens" / "objects" / _BUCKET / _pipeline(outcome) / _execution(outcome)
        found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "execution.json")
        return {_OWN.sub("<job>", path.relative_to(folder).as_posix()): path.read_bytes() for path in found}

    def requests(self, outcome: Outcome) -> dict[str, dict[str, Any]]:
        """What was asked of SageMaker for each step that is a job, as Describe tells it, without what is another each time."""
        sagemaker = self._client("sagemaker")
        steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=outcome.json["execution_arn"])[
            "PipelineExecutionSteps"
        ]
        return {step["StepName"]: _asked(sagemaker, step["Metadata"], _execution(outcome)) for step in steps if _is_job(step)}

    def _client(self, name: str) -> Any:
        environment = self.workspace.aws()
        return boto3.client(
            name,
            endpoint_url=environment[f"AWS_ENDPOINT_URL_{name.upper()}"],
            region_name=environment["AWS_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )


@cache
def run_in(runtime: str) -> Run:
    """Done at the first call; the service ends with the tests."""
    root = Path(tempfile.mkdtemp(prefix=f"sagelens-{runtime}-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    workspace = workspace_at(root)
    atexit.register(workspace.run, "local", "stop")
    trained = workspace.run("run", "training", "--runtime", runtime, *WITH_IMAGE, "--json", timeout=900)
    if trained.code:
        return Run(workspace, trained, trained)
    scored = workspace.run("run", "scoring", *WITH_IMAGE, "--json", timeout=600)
    return Run(workspace, trained, scored)


def _execution(outcome: Outcome) -> str:
    return str(outcome.json["execution_arn"]).rpartition("/")[2]


def _pipeline(outcome: Outcome) -> str:
    return str(outcome.json["execution_arn"]).split(":pipeline/")[1].partition("/")[0]


def _is_job(step: dict[str, Any]) -> bool:
    return any(kind in step["Metadata"] for kind in ("ProcessingJob", "TrainingJob", "TransformJob"))


def _asked(sagemaker: Any, metadata: dict[str, Any], execution: str) -> dict[str, Any]:
    ((kind, about),) = metadata.items()
    noun = kind.removesuffix("Job")
    name = about["Arn"].rpartition("/")[2]
    found = getattr(sagemaker, f"describe_{noun.lower()}_job")(**{f"{kind}Name": name})
    operation = sagemaker.meta.service_model.operation_model(f"Create{kind}")
    members = {member: found[member] for member in operation.input_shape.members if member in found}
    text = _OWN.sub("<job>", json.dumps(members, sort_keys=True, default=str).replace(name, "<job>"))
    asked: dict[str, Any] = json.loads(_MODEL.sub("<model>", text.replace(execution, "<execution>")))
    return asked
