"""The connection to MLflow, and what it takes of names and values."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sagelens.errors import BadConfig
from sagelens.tracking.sqlite import prepare_sqlite

__all__ = ["batches", "connect", "experiment_id", "key_of", "milliseconds", "parameters", "value_of"]

T = TypeVar("T")

_LONGEST_KEY = 250
_LONGEST_PARAMETER = 6000
_LONGEST_TAG = 8000
_FORBIDDEN = re.compile(r"[^\w./\- :]")


def connect(uri: str) -> Any:
    """A client for this tracking URI; a SQLite file that is not there yet is made, which takes two seconds.

    MLflow's telemetry and its links on stdout are switched off for the process. The warnings that its imports give are not
    ours to show."""
    for name in ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"):
        os.environ.setdefault(name, "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        prepare_sqlite(uri)
        try:
            return MlflowClient(tracking_uri=uri, registry_uri=uri)
        except MlflowException as error:
            raise BadConfig(
                f"MLflow does not take the tracking URI '{uri}': {error}. Set MLFLOW_TRACKING_URI to another."
            ) from error


def experiment_id(client: Any, name: str, artifacts: str | None) -> str:
    """The experiment of this name, made when there is none; its artifacts go below `artifacts`, or where the server says."""
    found = client.get_experiment_by_name(name)
    if found is None:
        location = None if artifacts is None else f"{artifacts.rstrip('/')}/{key_of(name)}"
        return str(client.create_experiment(name, artifact_location=location))
    if found.lifecycle_stage != "active":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def key_of(name: str) -> str:
    """A name with the characters that MLflow allows, at most as long as it allows."""
    return _FORBIDDEN.sub("_", name)[:_LONGEST_KEY]


def value_of(value: object) -> str:
    """A tag's value."""
    return str(value)[:_LONGEST_TAG]


def parameters(values: Mapping[str, object]) -> dict[str, str]:
    return {key_of(name): str(value)[:_LONGEST_PARAMETER] for name, value in values.items()}


def milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)


def batches(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
