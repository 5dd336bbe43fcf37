"""Tables of the evidence as MLflow's dataset inputs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sagelens.values import digest_bytes

__all__ = ["dataset_inputs"]

_LONGEST_DIGEST = 36
_LONGEST_NAME = 500
_LONGEST_SCHEMA = 1_000_000
_TYPES = (
    ("bool", "boolean"),
    ("timestamp", "datetime"),
    ("date", "datetime"),
    ("bigint", "long"),
    ("int64", "long"),
    ("uint", "long"),
    ("int", "integer"),
    ("double", "double"),
    ("float64", "double"),
    ("decimal", "double"),
    ("float", "float"),
    ("blob", "binary"),
    ("binary", "binary"),
)


def dataset_inputs(evidence: Mapping[str, Any], uris: Mapping[str, str]) -> list[Any]:
    """What the step read, and the tables that it made, each with its digest; `uris` says where those that it made are kept."""
    from mlflow.entities import DatasetInput, InputTag

    return [
        DatasetInput(
            _dataset(record, record.get("uri") or uris.get(record["name"], "")),
            [InputTag("mlflow.data.context", context), InputTag("sagelens.digest", record["digest"])],
        )
        for context, record in _tables(evidence)
    ]


def _tables(evidence: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    seen = set()
    for context, key in (("input", "inputs"), ("output", "outputs")):
        for record in evidence.get(key, ()):
            identity = (record["name"], record["digest"])
            if record["kind"] == "table" and identity not in seen:
                seen.add(identity)
                yield context, record


def _dataset(record: Mapping[str, Any], uri: str) -> Any:
    from mlflow.entities import Dataset

    columns = [{"name": column["name"], "type": _type(column["type"]), "required": True} for column in record.get("columns", ())]
    schema = json.dumps({"mlflow_colspec": columns})
    return Dataset(
        name=_name(record["name"]),
        digest=record["digest"][:_LONGEST_DIGEST],
        source_type="s3",
        source=json.dumps({"uri": uri}),
        schema=schema if columns and len(schema) < _LONGEST_SCHEMA else None,
        profile=json.dumps({"num_rows": record.get("rows"), "bytes": record.get("bytes")}),
    )


def _name(name: str) -> str:
    """One that is longer than MLflow takes is cut, and ends with its digest."""
    if len(name) <= _LONGEST_NAME:
        return name or "unnamed"
    return f"{name[: _LONGEST_NAME - 17]}_{digest_bytes(name.encode('utf-8', 'surrogatepass'))[:16]}"


def _type(name: str) -> str:
    """MLflow's word for a column's type; what it has none for is shown as text."""
    lowered = name.lower()
    return next((word for prefix, word in _TYPES if lowered.startswith(prefix)), "string")
