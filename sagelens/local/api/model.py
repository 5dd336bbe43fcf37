"""botocore's service models, read as plain JSON: botocore itself is not imported, and a model is read when first needed."""

from __future__ import annotations

import gzip
import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sagelens.errors import ServiceUnavailable

__all__ = ["SERVICES", "Operation", "ServiceModel", "service_model"]

SERVICES = ("sagemaker", "sagemaker-runtime", "logs", "sts", "iam")
"""What the local SageMaker speaks, by boto3's names."""


@dataclass(frozen=True)
class Operation:
    """One operation of a service; `input` and `output` name shapes, empty where there is none."""

    name: str
    method: str
    path: str
    input: str
    output: str
    result_wrapper: str


class ServiceModel:
    """The operations and shapes of one service."""

    def __init__(self, service: str, document: dict[str, Any]) -> None:
        self.service = service
        self.shapes: dict[str, dict[str, Any]] = document["shapes"]
        self.metadata: dict[str, Any] = document["metadata"]
        self._operations: dict[str, dict[str, Any]] = document["operations"]

    def operation(self, name: str) -> Operation | None:
        raw = self._operations.get(name)
        if raw is None:
            return None
        output = raw.get("output", {})
        return Operation(
            name=name,
            method=raw["http"]["method"],
            path=raw["http"]["requestUri"],
            input=raw.get("input", {}).get("shape", ""),
            output=output.get("shape", ""),
            result_wrapper=output.get("resultWrapper", ""),
        )

    def operations(self) -> list[str]:
        return list(self._operations)

    def error_status(self, code: str) -> int | None:
        """The HTTP status that the model gives an error, None where it gives none."""
        status: int | None = self.shapes.get(code, {}).get("error", {}).get("httpStatusCode")
        return status


@cache
def service_model(service: str) -> ServiceModel:
    """The newest model of a service that the installed botocore carries."""
    spec = importlib.util.find_spec("botocore")
    folder = Path(*(spec.submodule_search_locations or ()) if spec else (), "data", service)
    versions = sorted(path for path in folder.glob("*/service-2.json*") if path.suffix in {".json", ".gz"})
    if not versions:
        raise ServiceUnavailable(
            f"The installed botocore has no model of '{service}' below {folder}. Reinstall boto3 and botocore."
        )
    raw = versions[-1].read_bytes()
    return ServiceModel(service, json.loads(gzip.decompress(raw) if versions[-1].suffix == ".gz" else raw))
