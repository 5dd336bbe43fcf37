"""From a project and the name of a pipeline to its definition, and that definition to SageMaker.

A definition is kept by the digest of what it was made from, so that neither the SDK nor the project's modules are imported
when nothing has changed.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sagelens import __version__
from sagelens.errors import BadConfig, NotFound, SagelensError
from sagelens.pipeline.data_version import declares, parameter_of
from sagelens.pipeline.pipeline import Pipeline
from sagelens.pipeline.plan import SourceFiles, Upload, pipeline_name, plan
from sagelens.project import Project
from sagelens.project.code import CodeReader
from sagelens.values import digest_bytes
from sagelens.values.place import place_of, words_of
from sagelens.values.s3 import split_uri
from sagelens.values.suggestion import suggestion

__all__ = ["Compiled", "compose", "list_pipelines", "load_pipeline", "publish"]

_STATE = ".sagelens"
_LARGE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Compiled:
    """A definition, and the objects that it refers to. `name` is the pipeline's name in SageMaker.

    `versions` are parameters that a run is to be started with: the versions of its sources in S3, as they are now.
    """

    name: str
    definition: str
    uploads: tuple[Upload, ...]
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return digest_bytes(self.definition.encode())

    def parsed(self) -> dict[str, Any]:
        return dict(json.loads(self.definition))


def list_pipelines(root: Path) -> list[str]:
    return sorted(path.stem for path in (root / "pipelines").glob("*.py") if not path.stem.startswith("_"))


def load_pipeline(project: Project, name: str) -> Pipeline:
    """Call `pipelines/<name>.py`'s function of the same name. Imports the project's modules."""
    module = _import(project.root, name)
    build: Callable[[Project], Pipeline] | None = getattr(module, name.replace("-", "_"), None)
    if build is None:
        raise BadConfig(f"pipelines/{name}.py has no function {name}(project). Write one that returns a Pipeline.")
    try:
        return build(project)
    except SagelensError:
        raise
    except Exception as error:  # a project's function may raise anything
        raise BadConfig(_said_of(project.root, name, "could not be composed", error)) from error


def compose(
    project: Project, name: str, *, sources: Callable[[Project], Mapping[str, SourceFiles]], cache: bool = True
) -> Compiled:
    """The compiled pipeline, from memory where nothing that it is made of has changed."""
    if name not in list_pipelines(project.root):
        raise NotFound(f"There is no pipeline '{name}'. {suggestion(name, list_pipelines(project.root))}")
    reader = _reader(project.root)
    files = sources(project)
    key = _key(project, name, reader, files, cache)
    memory = project.root / _STATE / "definitions" / f"{name}-{key}.json"
    known = _recall(memory)
    if known is None:
        known = _compile(project, name, reader, files, cache)
        _remember(memory, known)
    reader.save()
    return replace(known, versions=_versions(known, files))


def publish(
    compiled: Compiled, *, sagemaker: Any, s3: Any, bucket: str, role: str, tags: Mapping[str, str], data_key: str = ""
) -> str:
    """Upload what the definition refers to, and create or update the pipeline. Returns its ARN.

    Objects are encrypted with `data_key`, whatever the bucket's default is; without one that default holds.

    An upload is skipped when the marker of the same definition exists, since all of its objects were there before the marker.
    """
    marker = f"{compiled.name}/definitions/{compiled.digest}.json"
    if not _exists(s3, bucket, marker):
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": data_key} if data_key else {}
        _ensure_bucket(s3, bucket, may_create=not data_key)
        _upload(s3, compiled.uploads, encryption)
        s3.put_object(Bucket=bucket, Key=marker, Body=compiled.definition.encode(), **encryption)
    return _upsert(compiled, sagemaker, role, tags)


def _import(root: Path, name: str) -> Any:
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        return importlib.import_module(f"pipelines.{name}")
    except ModuleNotFoundError as error:
        said = _said_of(root, name, "cannot be imported", error)
        raise BadConfig(f"{said} Install or correct the module that it names.") from error
    except SagelensError:
        raise
    except Exception as error:  # a project's module may raise anything
        raise BadConfig(_said_of(root, name, "cannot be imported", error)) from error


def _said_of(root: Path, name: str, what: str, error: Exception) -> str:
    place = place_of(error, [root])
    return f"pipelines/{name}.py {what}: {f'{place}: ' if place else ''}{words_of(error)}."


def _reader(root: Path) -> CodeReader:
    library = Path(__file__).resolve().parents[2]
    roots = {folder.name: root for folder in sorted(root.iterdir()) if (folder / "__init__.py").is_file()}
    return CodeReader(roots | {"sagelens": library}, root / _STATE / "cache" / "imports.json")


def _key(project: Project, name: str, reader: CodeReader, sources: Mapping[str, SourceFiles], cache: bool) -> str:
    suites = {
        gate: {table: _suite_text(project.root, file) for table, file in tables.items()}
        for gate, tables in project.quality.gates.items()
    }
    made_from = {
        "version": __version__,
        "sdk": _sdk_version(),
        "code": reader.closure(f"pipelines.{name}", "sagelens.pipeline.compose", "sagelens.job.__main__").digest,
        "project": project.model_dump(mode="json"),
        "suites": suites,
        "sources": {source: files.uri or files.digest for source, files in sources.items()},
        "files": {source: {n: str(path) for n, path in files.files.items()} for source, files in sources.items()},
        "cache": cache,
    }
    return digest_bytes(json.dumps(made_from, sort_keys=True).encode())[:32]


def _versions(compiled: Compiled, sources: Mapping[str, SourceFiles]) -> dict[str, str]:
    found = {parameter_of(name): files.digest for name, files in sources.items() if files.uri}
    declared = declares(compiled.definition) if found else set()
    return {name: version for name, version in found.items() if name in declared}


def _suite_text(root: Path, file: str) -> str:
    path = root / "configs" / "quality" / file
    return path.read_text() if path.is_file() else ""


def _sdk_version() -> str:
    from importlib.metadata import version

    return version("sagemaker")


def _compile(project: Project, name: str, reader: CodeReader, files: Mapping[str, SourceFiles], cache: bool) -> Compiled:
    from sagelens.pipeline.compile import compile_plan
    from sagelens.pipeline.names import check_names

    check_names(project)
    planned = plan(load_pipeline(project, name), project, code=reader, sources=files)
    definition = compile_plan(planned, project=project.name, environment=project.environment, cache=cache)
    return Compiled(pipeline_name(project.name, name), definition, planned.uploads)


def _recall(memory: Path) -> Compiled | None:
    try:
        kept = json.loads(memory.read_text())
        uploads = (Upload(u["uri"], Path(u["path"]) if u["path"] else None, u["text"]) for u in kept["uploads"])
        return Compiled(kept["name"], kept["definition"], tuple(uploads))
    except (OSError, ValueError, KeyError):
        return None


def _remember(memory: Path, compiled: Compiled) -> None:
    memory.parent.mkdir(parents=True, exist_ok=True)
    uploads = [{"uri": u.uri, "path": str(u.path) if u.path else None, "text": u.text} for u in compiled.uploads]
    draft = memory.with_suffix(".draft")
    draft.write_text(json.dumps({"name": compiled.name, "definition": compiled.definition, "uploads": uploads}))
    draft.replace(memory)


def _exists(s3: Any, bucket: str, key: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return True


def _ensure_bucket(s3: Any, bucket: str, *, may_create: bool) -> None:
    """A bucket with a key of its own has a policy and rules besides, which are not made here."""
    from botocore.exceptions import ClientError

    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        if not may_create:
            raise NotFound(
                f"Bucket '{bucket}' does not exist. Deploy infra/, which makes it (docs/infrastructure.md), or correct "
                "environment.bucket."
            ) from error
        region = s3.meta.region_name
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **place)


def _upload(s3: Any, uploads: tuple[Upload, ...], encryption: dict[str, str]) -> None:
    """Put every object; those of a folder whose digest is in its key are complete once its last one is there."""
    from concurrent.futures import ThreadPoolExecutor

    def put(upload: Upload) -> None:
        bucket, key = split_uri(upload.uri)
        if upload.path is not None and upload.path.stat().st_size > _LARGE:
            s3.upload_file(str(upload.path), bucket, key, ExtraArgs=encryption)
        else:
            s3.put_object(Bucket=bucket, Key=key, Body=upload.body(), **encryption)

    with ThreadPoolExecutor(max_workers=8) as pool:
        for _ in pool.map(put, uploads):
            pass


def _upsert(compiled: Compiled, sagemaker: Any, role: str, tags: Mapping[str, str]) -> str:
    from botocore.exceptions import ClientError

    try:
        known = sagemaker.describe_pipeline(PipelineName=compiled.name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"ResourceNotFound", "ResourceNotFoundException"}:
            raise
        made = sagemaker.create_pipeline(
            PipelineName=compiled.name,
            PipelineDefinition=compiled.definition,
            ClientRequestToken=compiled.digest,
            RoleArn=role,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        return str(made["PipelineArn"])
    if known["PipelineDefinition"] != compiled.definition or known["RoleArn"] != role:
        sagemaker.update_pipeline(PipelineName=compiled.name, PipelineDefinition=compiled.definition, RoleArn=role)
    return str(known["PipelineArn"])
