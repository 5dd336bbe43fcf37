"""botocore's service models, read as plain JSON: botocore itself is not imported, and a model is read when first needed."""

from __future__ import annotations

import gzip
import importlib.util
import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from sagelens.errors import ServiceUnavailable

__all__ = ["SERVICES", "Fault", "Operation", "ServiceModel", "service_model"]

SERVICES = ("sagemaker", "sagemaker-runtime", "cloudwatch", "events", "logs", "sts", "iam")
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


@dataclass(frozen=True)
class Fault:
    """An error as its service names it: the shape, the code in the Query protocol, and the HTTP status if the model gives one."""

    shape: str
    code: str
    status: int | None


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

    @property
    def query_compatible(self) -> bool:
        """Whether its clients know errors by their Query codes in every protocol, from the header x-amzn-query-error."""
        return "awsQueryCompatible" in self.metadata

    def error_status(self, code: str) -> int | None:
        """The HTTP status that the model gives an error, None where it gives none."""
        return self.fault(code).status

    def fault(self, code: str) -> Fault:
        """The error that has this name or this Query code; the code itself where the model has neither."""
        name = code if code in self.shapes else self._faults.get(code, code)
        error = self.shapes.get(name, {}).get("error", {})
        return Fault(shape=name, code=error.get("code", code), status=error.get("httpStatusCode"))

    @cached_property
    def _faults(self) -> dict[str, str]:
        """Names of error shapes by Query code."""
        return {shape["error"]["code"]: name for name, shape in self.shapes.items() if "code" in shape.get("error", {})}


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
