"""Where a finished step has left what, read from its job's Describe answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sagelens.local.pipelines.cache_key import input_uris, uris

__all__ = ["bucket_of", "declared_outputs", "evidence_uri", "output_uris", "read_config", "written_uris"]

Read = Callable[[str], bytes]

_EVIDENCE = "evidence"


def read_config(step_type: str, arguments: Mapping[str, Any], read: Read) -> dict[str, Any]:
    """The step.json behind the input `config`; empty for a step that has none."""
    uri = input_uris(step_type, arguments).get("config") if step_type in {"Processing", "Training"} else None
    if not uri:
        return {}
    try:
        document = json.loads(read(uri if uri.endswith("step.json") else f"{uri.rstrip('/')}/step.json"))
    except (OSError, ValueError):
        return {}  # a foreign pipeline's input of this name
    return document if isinstance(document, dict) else {}


def output_uris(step_type: str, properties: Mapping[str, Any], gives: list[str]) -> dict[str, str]:
    """The URI of each output by name; `gives` names a training step's, the model first."""
    match step_type:
        case "Processing":
            return {
                output["OutputName"]: output["S3Output"]["S3Uri"].rstrip("/")
                for output in properties.get("ProcessingOutputConfig", {}).get("Outputs", ())
                if "S3Output" in output and output["OutputName"] != _EVIDENCE
            }
        case "Training":
            model = properties.get("ModelArtifacts", {}).get("S3ModelArtifacts")
            found = {(gives or ["model"])[0]: model} if model else {}
            data = _training_data(properties)
            return found | ({name: f"{data}/{name}" for name in gives[1:]} if data else {})
        case "Transform":
            uri = properties.get("TransformOutput", {}).get("S3OutputPath")
            return {"output": uri.rstrip("/")} if uri else {}
        case _:
            return {}


def written_uris(step_type: str, properties: Mapping[str, Any]) -> list[str]:
    """Every URI to which a job has written, its evidence and all of its output data included."""
    match step_type:
        case "Processing":
            outputs = properties.get("ProcessingOutputConfig", {}).get("Outputs", ())
            return [output["S3Output"]["S3Uri"] for output in outputs if "S3Output" in output]
        case "Training":
            data = _training_data(properties)
            return [data.removesuffix("/data")] if data else []
        case "Transform":
            uri = properties.get("TransformOutput", {}).get("S3OutputPath")
            return [uri] if uri else []
        case _:
            return []


def _training_data(properties: Mapping[str, Any]) -> str | None:
    path, name = properties.get("OutputDataConfig", {}).get("S3OutputPath"), properties.get("TrainingJobName")
    return f"{path.rstrip('/')}/{name}/output/data" if path and name else None


def evidence_uri(step_type: str, properties: Mapping[str, Any]) -> str | None:
    """Where the step's evidence.json is, if it has written one."""
    if step_type == "Training":
        data = _training_data(properties)
        return f"{data}/evidence.json" if data else None
    for output in properties.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        if output.get("OutputName") == _EVIDENCE and "S3Output" in output:
            return f"{output['S3Output']['S3Uri'].rstrip('/')}/evidence.json"
    return None


def declared_outputs(arguments: Mapping[str, Any]) -> Iterator[Any]:
    """The expressions for where a step will write."""
    for output in arguments.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        yield output.get("S3Output", {}).get("S3Uri")
    yield arguments.get("OutputDataConfig", {}).get("S3OutputPath")
    yield arguments.get("TransformOutput", {}).get("S3OutputPath")


def bucket_of(value: object) -> str | None:
    found = next(uris(value), None)
    return found.removeprefix("s3://").partition("/")[0] or None if found else None
