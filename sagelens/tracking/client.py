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
from sagelens.values import digest_bytes

__all__ = [
    "batches",
    "connect",
    "experiment_id",
    "key_of",
    "long_names",
    "milliseconds",
    "name_of",
    "no_answer",
    "parameters",
    "refusals",
    "value_of",
]

T = TypeVar("T")

_LONGEST_KEY = 250
_DIGEST = 16  # characters of the digest that ends a name which is cut
_LONGEST_PARAMETER = 6000
_LONGEST_TAG = 8000
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.\- ]")  # in a part of a name; MLflow allows letters of all alphabets, and a colon
_ESCAPED = re.compile(r":([0-9A-F]*):")


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


def refusals() -> type[Exception]:
    """What MLflow raises for what it does not take."""
    from mlflow.exceptions import MlflowException

    kind: type[Exception] = MlflowException
    return kind


def no_answer(error: BaseException) -> bool:
    """Whether MLflow's server was not reached at all; it raises the same for that as for a refusal, while a connection's error
    (of `requests`, an OSError) is handled."""
    return isinstance(error, refusals()) and isinstance(error.__context__, OSError)


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
    """A name as MLflow takes it: another one for every other name, from which `name_of` gets it back.

    A character that MLflow does not allow is written as its number between colons (`#` is `:23:`). A name is a path to MLflow, so
    a part that is empty is `::`, and dots alone are written so, too. A name that is longer than allowed is cut, and ends with its
    digest; whoever writes it keeps it whole in a tag (`long_names`).
    """
    key = "/".join(_part(part) for part in name.split("/"))
    if len(key) <= _LONGEST_KEY:
        return key
    return f"{key[: _LONGEST_KEY - _DIGEST - 1]}_{digest_bytes(name.encode('utf-8', 'surrogatepass'))[:_DIGEST]}"


def _part(part: str) -> str:
    if not part:
        return "::"
    if not part.strip(".") or part != part.strip():
        return "".join(f":{ord(sign):X}:" for sign in part)
    return _FORBIDDEN.sub(lambda found: f":{ord(found[0]):X}:" if not found[0].isalnum() else found[0], part)


def name_of(key: str) -> str:
    """The name that a key was made of, unless it was cut."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "", key)


def long_names(names: Iterable[str]) -> dict[str, str]:
    """Tags that tell the whole of names which had to be cut."""
    keys = {name: key_of(name) for name in names}
    return {f"sagelens.name.{key[-_DIGEST:]}": value_of(name) for name, key in keys.items() if name_of(key) != name}


def value_of(value: object) -> str:
    """A tag's value."""
    return _text(value)[:_LONGEST_TAG]


def _text(value: object) -> str:
    """Text that any database can hold: half of a pair of surrogates, and NUL, are written as their numbers."""
    return str(value).encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def parameters(values: Mapping[str, object]) -> dict[str, str]:
    return {key_of(name): _shortened(_text(value)) for name, value in values.items()}


def _shortened(text: str) -> str:
    """A parameter's value; one that is longer than MLflow takes says so."""
    if len(text) <= _LONGEST_PARAMETER:
        return text
    rest = f" … ({len(text)} characters)"
    return text[: _LONGEST_PARAMETER - len(rest)] + rest


def milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)


def batches(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
