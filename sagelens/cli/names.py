"""Names that a person gives a command, and what is said of one that nothing answers to."""

from __future__ import annotations

from collections.abc import Sequence

from sagelens.cli.target import Connection
from sagelens.errors import NotFound
from sagelens.text.hint import hint
from sagelens.values.suggestion import closest, suggestion

__all__ = ["endpoint_names", "unknown_endpoint", "unknown_run"]

_LAST = "last"


def endpoint_names(connection: Connection) -> list[str]:
    """Of all endpoints that the environment's account has."""
    pages = connection.sagemaker.get_paginator("list_endpoints").paginate()
    return [str(summary["EndpointName"]) for page in pages for summary in page["Endpoints"]]


def unknown_endpoint(connection: Connection, name: str) -> NotFound | None:
    """The error for an endpoint that does not exist, with the name that may be meant; None for one that does, and where the
    caller may not list them, so that nobody can tell."""
    from botocore.exceptions import ClientError

    try:
        names = endpoint_names(connection)
    except ClientError:
        return None
    if name in names:
        return None
    return NotFound(f"Endpoint '{name}' does not exist. {suggestion(name, names)} {hint('endpoints')} lists what there is.")


def unknown_run(run: str, ids: Sequence[str]) -> NotFound:
    """The error for a run that no id begins like, with the id that may be meant: starts of ids are compared with it, too."""
    starts = {id_[: len(run)]: id_ for id_ in reversed(ids)}
    alike = closest(run.rpartition("/")[2], {_LAST, *starts, *ids})
    meant = f" Did you mean {starts.get(alike, alike)}?" if alike else ""
    return NotFound(f"There is no run '{run}'.{meant} {hint('runs')} lists them; `{_LAST}` is the newest.")
