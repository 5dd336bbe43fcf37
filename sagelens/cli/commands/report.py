"""`report`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sagelens.cli.commands.runs import document_of
from sagelens.cli.deployment_run import PIPELINE, deployments_during, material_of
from sagelens.cli.execution import Document, list_executions, read_document
from sagelens.cli.objects import list_objects, read_json_or_none
from sagelens.cli.target import Connection, connect
from sagelens.pipeline.plan import pipeline_name
from sagelens.values.s3 import split_uri

if TYPE_CHECKING:
    from sagelens.evaluation.report import Deployment, Execution

__all__ = ["deployments_of", "gather", "report_path", "write_page", "write_report"]

_READERS = 4
_LARGEST = 8_000_000
_TRAINING = "training"


class _Place(NamedTuple):
    name: str
    uri: str


def write_report(run: str, *, environment: str, as_json: bool) -> int:
    """Write the report of a run and of the deployment that followed from it; print where it is."""
    connection = connect(environment)
    document = document_of(connection, run)
    path = report_path(connection, [document, *deployments_of(connection, document)])
    sys.stdout.write(json.dumps({"report": str(path)}) + "\n" if as_json else f"{path}\n")
    return 0


def report_path(connection: Connection, documents: list[Document]) -> Path:
    """Write the report of an execution, and of those that followed from it, as one page; returns where."""
    with ThreadPoolExecutor(_READERS, "report") as pool:
        executions = [gather(connection.s3, document, pool.map) for document in documents]
    return write_page(connection, executions, material_of(connection, deployments_during(connection, documents)))


def write_page(
    connection: Connection, executions: Sequence[Execution], deployments: Sequence[Deployment] = (), *, name: str = ""
) -> Path:
    """Write the report of what was gathered, named after the first execution unless named; a reader never sees half of it."""
    from sagelens.evaluation.report import Material, render

    folder = connection.project.root / ".sagelens" / "reports"
    compiled = folder / ".templates"
    compiled.mkdir(parents=True, exist_ok=True)
    environment = connection.project.environment.name
    told = tuple(replace(execution, environment=environment) for execution in executions)
    material = Material(project=connection.project.name, executions=told, deployments=tuple(deployments))
    page = render(material, compiled=compiled)
    path = folder / f"{name or executions[0].id}.html"
    half = path.with_name(f".{path.name}.{os.getpid()}.part")
    half.write_text(page, encoding="utf-8")
    half.replace(path)
    return path


def deployments_of(connection: Connection, document: Document) -> Iterable[Document]:
    """The first execution of the deployment pipeline, after this run, that deployed the package which the run registered."""
    name = connection.project.name
    if document["pipeline"] != pipeline_name(name, _TRAINING) or document["status"] != "Succeeded":
        return
    package = _package(connection.s3, document)
    if package is None:
        return
    for summary in reversed(list_executions(connection, [pipeline_name(name, PIPELINE)])):
        if summary["StartTime"].timestamp() < document["started"]:
            continue
        found = read_document(connection, summary["PipelineExecutionArn"])
        if found and found["parameters"].get("ModelPackageArn") == package:
            yield found
            return


def gather(s3: Any, document: Document, read: Callable[..., Iterator[Any]] = map) -> Execution:
    """Everything of one execution that a report shows: evidence, the JSON artifacts, the figures. `read` maps as `map` does."""
    from sagelens.evaluation.report import Execution

    wanted = [(step["name"], step["evidence"]) for step in document["steps"] if step.get("evidence")]
    found = read(lambda uri: read_json_or_none(s3, uri), (uri for _, uri in wanted))
    evidence = {name: record for (name, _), record in zip(wanted, found, strict=True) if record is not None}
    places = _outputs(document, evidence)
    values = [_Place(place.name, f"{place.uri}/value.json") for place in places("json")]
    folders = places("figures")
    listings = list(read(lambda place: list(list_objects(s3, place.uri)), folders))
    drawn = [(place.name, uri) for place, uris in zip(folders, listings, strict=True) for uri in uris if uri.endswith(".svg")]
    texts = list(read(lambda one: _text(s3, one[1]), drawn))
    return Execution(
        document=document,
        evidence=evidence,
        values=dict(zip((p.name for p in values), read(lambda place: read_json_or_none(s3, place.uri), values), strict=True)),
        figures={
            folder.name: {_stem(uri): text for (name, uri), text in zip(drawn, texts, strict=True) if name == folder.name}
            for folder in folders
        },
    )


def _outputs(document: Document, evidence: dict[str, Any]) -> Callable[[str], list[_Place]]:
    """Where the outputs of one kind are. The evidence says the kind, the document the place: that of a cached step's source."""
    places = {(step["name"], name): uri for step in document["steps"] for name, uri in (step.get("outputs") or {}).items()}

    def of_kind(kind: str) -> list[_Place]:
        return [
            _Place(output["name"], (places.get((step, output["name"])) or output["uri"]).rstrip("/"))
            for step, record in evidence.items()
            for output in record["outputs"]
            if output["kind"] == kind and output["bytes"] <= _LARGEST
        ]

    return of_kind


def _text(s3: Any, uri: str) -> str:
    bucket, key = split_uri(uri)
    return str(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())


def _stem(uri: str) -> str:
    return uri.rpartition("/")[2].removesuffix(".svg")


def _package(s3: Any, document: Document) -> str | None:
    for step in document["steps"]:
        if step["phase"] == "registration" and step["evidence"]:
            record = read_json_or_none(s3, step["evidence"]) or {"facts": {}}
            return str(record["facts"]["model_package_arn"]) if "model_package_arn" in record["facts"] else None
    return None
