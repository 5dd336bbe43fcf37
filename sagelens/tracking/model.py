"""The registered model as MLflow's LoggedModel: a signature, and a pointer to the artifact. No second copy."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagelens.tracking.client import key_of, value_of

__all__ = ["Pointer", "log_model", "pointer_of"]

_TYPES = {"integer": "long", "number": "double", "string": "string", "boolean": "boolean"}


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """Where the registered model is kept."""

    name: str
    package_arn: str
    uri: str
    digest: str


def pointer_of(evidence: Mapping[str, Any]) -> Pointer | None:
    """The model that this step registered, if it did: it says the package's ARN, and one of its inputs is the model's folder."""
    facts = evidence.get("facts", {})
    folders = [record for record in evidence.get("inputs", ()) if record["kind"] == "folder" and record.get("uri")]
    if "model_package_arn" not in facts or not folders:
        return None
    return Pointer(
        name=facts.get("model_package_group") or evidence["pipeline"],
        package_arn=facts["model_package_arn"],
        uri=folders[0]["uri"],
        digest=facts.get("model_digest") or folders[0]["digest"],
    )


def log_model(
    client: Any,
    pointer: Pointer,
    *,
    experiment: str,
    run_id: str,
    read_files: Callable[[str], Path],
) -> str:
    """Give the run this model as its output and return the model's id. A package that has a LoggedModel keeps it."""
    from mlflow.entities import LoggedModelOutput

    wanted = f"tags.`sagelens.model_package_arn` = '{pointer.package_arn}'"
    found = client.search_logged_models([experiment], filter_string=wanted, max_results=1)
    model_id: str = found[0].model_id if found else _create(client, pointer, experiment, run_id, read_files(pointer.uri))
    client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
    return model_id


def _create(client: Any, pointer: Pointer, experiment: str, run_id: str, folder: Path) -> str:
    tags = {
        "sagelens.model_package_arn": pointer.package_arn,
        "sagelens.artifact_uri": pointer.uri,
        "sagelens.digest": pointer.digest,
    }
    model = client.create_logged_model(
        experiment,
        name=key_of(pointer.name).replace("/", "_").replace(".", "_").replace(":", "_"),
        source_run_id=run_id,
        tags={key: value_of(value) for key, value in tags.items()},
        params={"artifact_uri": pointer.uri[:500]},
        model_type="sagelens",
    )
    with tempfile.TemporaryDirectory() as scratch:
        _write_mlmodel(Path(scratch), pointer, folder, model.model_id, run_id)
        client.log_model_artifacts(model.model_id, scratch)
    client.finalize_logged_model(model.model_id, "READY")
    return str(model.model_id)


def _write_mlmodel(scratch: Path, pointer: Pointer, folder: Path, model_id: str, run_id: str) -> None:
    from mlflow.models import Model

    example = _sample(folder / "sample.jsonl")
    if example:
        (scratch / "input_example.json").write_text(json.dumps({"columns": list(example), "data": [list(example.values())]}))
    Model(
        run_id=run_id,
        model_id=model_id,
        signature=_signature(folder / "schema.json"),
        saved_input_example_info={"artifact_path": "input_example.json", "type": "dataframe", "pandas_orient": "split"}
        if example
        else None,
        flavors={"sagelens": {"artifact_uri": pointer.uri, "digest": pointer.digest, "model_package_arn": pointer.package_arn}},
        metadata={"artifact_uri": pointer.uri, "digest": pointer.digest},
    ).save(str(scratch / "MLmodel"))


def _signature(path: Path) -> Any:
    """One raw row in, one score out; None where the model came without a schema."""
    from mlflow.models.signature import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    if not path.is_file():
        return None
    document = json.loads(path.read_bytes())
    required = set(document.get("required", ()))
    columns = [
        ColSpec(_TYPES.get(_kind(described), "string"), name, required=name in required)
        for name, described in document["properties"].items()
    ]
    return ModelSignature(inputs=Schema(columns), outputs=Schema([ColSpec("double", "score")]))


def _kind(described: Mapping[str, Any]) -> str:
    kind = described.get("type", "string")
    return kind if isinstance(kind, str) else next((k for k in kind if k != "null"), "string")


def _sample(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    row: dict[str, Any] = json.loads(first) if first else {}
    return row
