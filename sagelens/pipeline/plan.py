"""What a pipeline needs in S3 and in its definition, decided without the SDK: code, parameters, sources, locations."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from sagelens.errors import BadConfig
from sagelens.pipeline.data_version import PREFIX, parameter_of, variable_of
from sagelens.pipeline.pipeline import Pipeline
from sagelens.pipeline.step import Job, Parameter, Step
from sagelens.project import Project
from sagelens.project.code import MANIFEST, Code, CodeReader
from sagelens.values import Source, digest_bytes

__all__ = ["Landing", "Plan", "SourceFiles", "StepPlan", "Upload", "environment_variable", "pipeline_name", "plan"]

ENTRY_POINT = ("sagelens.job.__main__", "sagelens.job.main")
_PARAMETER = re.compile(r"[A-Za-z0-9\-_]{1,64}")  # the schema of definitions


@dataclass(frozen=True)
class SourceFiles:
    """The files of a declared source as they are now, by relative path, with the digest of their content.

    A source in S3 has no files here but its `uri`; the digest is its version, which no definition holds: a run is given the
    one that it finds (`sagelens.pipeline.data_version`).
    """

    source: Source
    digest: str
    files: Mapping[str, Path] = field(default_factory=dict)
    uri: str = ""


@dataclass(frozen=True)
class Upload:
    """An object that must exist before an execution starts. Its key carries the digest of what it belongs to."""

    uri: str
    path: Path | None = None
    text: str | None = None

    def body(self) -> bytes:
        return self.path.read_bytes() if self.path is not None else (self.text or "").encode()


@dataclass(frozen=True)
class Landing:
    """Where an artifact is kept below raw/: at `uri`, or below it in a folder named by the source's version."""

    uri: str
    version: Parameter | None = None


@dataclass(frozen=True)
class StepPlan:
    """A step with the locations of everything that its job is given.

    `environment` are the job's variables whose values are parameters of the pipeline.
    """

    step: Step
    code_uri: str
    config_uri: str
    sources: Mapping[str, str]
    landing: Mapping[str, Landing]
    environment: Mapping[str, Parameter]
    hyperparameters: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    pipeline: Pipeline
    steps: Mapping[str, StepPlan]
    uploads: tuple[Upload, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those of the pipeline, and the versions of its sources in S3."""
        used = (value for step in self.steps.values() for value in step.environment.values())
        versions = {value.name: value for value in used if value.name.startswith(PREFIX)}
        own = {parameter.name: parameter for parameter in self.pipeline.parameters}
        return tuple({**own, **dict(sorted(versions.items()))}.values())


def plan(pipeline: Pipeline, project: Project, *, code: CodeReader, sources: Mapping[str, SourceFiles]) -> Plan:
    """Decide where everything lies. Pure but for reading the project's files."""
    uploads: dict[str, Upload] = {}
    steps = {step.name: _plan_step(step, pipeline, project, code, sources, uploads) for step in pipeline.steps()}
    return Plan(pipeline, steps, tuple(uploads.values()))


def _plan_step(
    step: Step,
    pipeline: Pipeline,
    project: Project,
    code: CodeReader,
    sources: Mapping[str, SourceFiles],
    uploads: dict[str, Upload],
) -> StepPlan:
    bucket = f"s3://{project.environment.bucket}"
    closure = code.closure(step.function.__module__, *ENTRY_POINT)
    code_uri = f"{bucket}/code/{closure.digest}"
    _add(uploads, *_code_uploads(closure, code_uri))
    source_uris = {}
    for name in step.sources:
        source_uris[name], added = _source_location(sources[name], bucket)
        _add(uploads, *added)
    environment = {name: value for name, value in step.params.items() if isinstance(value, Parameter)}
    versions = {name: _version(name) for name in step.sources if sources[name].uri}
    text = _step_json(step, pipeline, environment, {name: sources[name] for name in step.sources})
    config_uri = f"{bucket}/{pipeline_name(project.name, pipeline.name)}/config/{digest_bytes(text.encode())}"
    _add(uploads, Upload(f"{config_uri}/step.json", text=text))
    return StepPlan(
        step=step,
        code_uri=code_uri,
        config_uri=config_uri,
        sources=source_uris,
        landing={
            name: Landing(f"{bucket}/raw/{name}/{_landing_digest(sources[name], closure)}", versions.get(name))
            for name in step.gives
            if name in step.sources
        },
        environment={
            **{environment_variable(name): value for name, value in environment.items()},
            **{variable_of(name): value for name, value in versions.items()},
        },
        hyperparameters=_hyperparameters(step) if step.job is Job.TRAINING else {},
    )


def _add(uploads: dict[str, Upload], *added: Upload) -> None:
    uploads.update((upload.uri, upload) for upload in added)


def _code_uploads(code: Code, uri: str) -> list[Upload]:
    files = [Upload(f"{uri}/{name}", path=path) for name, path in code.files.items()]
    return [*files, Upload(f"{uri}/{MANIFEST}", text=code.manifest())]


def _source_location(source: SourceFiles, bucket: str) -> tuple[str, list[Upload]]:
    if source.uri:
        return source.uri, []
    uri = f"{bucket}/sources/{source.digest}"
    return uri, [Upload(f"{uri}/{name}", path=path) for name, path in source.files.items()]


def _version(source: str) -> Parameter:
    name = parameter_of(source)
    if not _PARAMETER.fullmatch(name):
        raise BadConfig(
            f"collection.sources.{source} lies in S3, so a run takes its version as parameter '{name}'. Name the source with "
            f"1 to {64 - len(PREFIX)} letters, digits, '-' and '_'."
        )
    return Parameter(name)


def _landing_digest(source: SourceFiles, code: Code) -> str:
    """What a landed table is made of, as far as the definition knows: content, declaration, and the code that reads it."""
    declared = json.dumps(_plain(source.source), sort_keys=True)
    return digest_bytes(f"{'' if source.uri else source.digest}\n{declared}\n{code.digest}".encode())


def _step_json(step: Step, pipeline: Pipeline, environment: Mapping[str, Parameter], sources: Mapping[str, SourceFiles]) -> str:
    content = {
        "version": 1,
        "pipeline": pipeline.name,
        "step": step.name,
        "phase": step.phase,
        "function": f"{step.function.__module__}:{step.function.__qualname__}",
        "takes": list(step.takes or ()),
        "gives": list(step.gives),
        "params": {name: _plain(value) for name, value in step.params.items() if name not in environment},
        "environment": {name: environment_variable(name) for name in environment},
        "sources": {name: {"source": _plain(files.source), **_content_of(name, files)} for name, files in sources.items()},
    }
    return json.dumps(content, indent=1, sort_keys=True)


def _content_of(name: str, files: SourceFiles) -> dict[str, str]:
    return {"version": variable_of(name)} if files.uri else {"digest": files.digest}


def pipeline_name(project: str, pipeline: str) -> str:
    """The name of a pipeline in SageMaker; also its prefix in the bucket."""
    return f"{project}-{pipeline}"


def environment_variable(parameter: str) -> str:
    """The variable in which a job finds a parameter of the pipeline."""
    return f"SAGELENS_PARAM_{parameter.upper()}"


def _plain(value: Any) -> Any:
    return TypeAdapter(Any).dump_python(value, mode="json")


def _hyperparameters(step: Step) -> dict[str, Any]:
    """The numbers and texts among a training step's parameters and in their settings, so that they show up in the job."""
    found: dict[str, Any] = {}
    for name, value in step.params.items():
        if isinstance(value, bool | int | float | str):
            found[name] = value
        elif not isinstance(value, Parameter) and (dataclasses.is_dataclass(value) or hasattr(value, "model_dump")):
            found |= {key: item for key, item in _plain(value).items() if isinstance(item, bool | int | float | str)}
    return found
