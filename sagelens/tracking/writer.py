"""The warm writer: a process that gets executions' documents from the service, one at a time, and answers where it put them.

Both sides write one JSON object a line: `{"document": {…}}` in, `{"tracking": {…}}` or `{"error": "…"}` out.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sagelens.tracking.client import connect
from sagelens.tracking.tracker import Tracker

__all__ = ["main"]

_log = logging.getLogger(__name__)


def main() -> None:
    """Serve the socket in SAGELENS_TRACKING_SOCKET until the service closes it.

    MLFLOW_TRACKING_URI says where to write, SAGELENS_TRACKING_ARTIFACTS where new experiments keep files (or nothing),
    SAGELENS_EXPERIMENT the experiment (by default each pipeline's name), SAGELENS_OBJECTS the folder of the object store.
    """
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # The plug-in of sagemaker-mlflow complains, at each request, of any server that is not SageMaker's.
    logging.getLogger("mlflow.tracking.request_header.registry").setLevel(logging.ERROR)
    writer = _Writer(os.environ)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(os.environ["SAGELENS_TRACKING_SOCKET"])
        with connection.makefile("rb") as lines, connection.makefile("wb") as answers:
            writer.warm()
            for line in lines:
                answers.write(json.dumps(writer.write(json.loads(line)["document"])).encode() + b"\n")
                answers.flush()


class _Writer:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._uri = environment["MLFLOW_TRACKING_URI"]
        self._artifacts = environment.get("SAGELENS_TRACKING_ARTIFACTS") or None
        self._experiment = environment.get("SAGELENS_EXPERIMENT", "")
        self._objects = Path(environment["SAGELENS_OBJECTS"])
        self._trackers: dict[str, Tracker] = {}

    def warm(self) -> None:
        """Make the database, if need be, before the first document comes."""
        try:
            connect(self._uri)
        except Exception as error:  # noqa: BLE001  the same is found, and answered, for each document
            _log.warning("MLflow at %s is not available yet: %s", self._uri, error)

    def write(self, document: Mapping[str, Any]) -> dict[str, Any]:
        try:
            tracked = self._tracker(document).record(document, self._read_json, self._path)
        except Exception as error:  # noqa: BLE001  whatever a tracking server does, the next document may succeed
            _log.warning("%s was not written to %s", document["execution_arn"], self._uri, exc_info=True)
            return {"error": f"{type(error).__name__}: {error}"}
        return {"tracking": asdict(tracked)}

    def _tracker(self, document: Mapping[str, Any]) -> Tracker:
        experiment = self._experiment or document["pipeline"]
        if experiment not in self._trackers:
            self._trackers[experiment] = Tracker(self._uri, experiment, self._artifacts)
        return self._trackers[experiment]

    def _path(self, uri: str) -> Path:
        return self._objects / uri.removeprefix("s3://")

    def _read_json(self, uri: str) -> Any:
        return json.loads(self._path(uri).read_bytes())
