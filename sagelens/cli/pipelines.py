"""From the name of a pipeline to an execution that has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sagelens.cli.execution import Document, follow, start
from sagelens.cli.target import Connection
from sagelens.pipeline.compose import Compiled, compose, publish

__all__ = ["begin", "composed", "execute", "source_files_of"]


def composed(connection: Connection, name: str, *, cache: bool = True) -> Compiled:
    return compose(connection.project, name, sources=source_files_of, cache=cache)


def source_files_of(project: Any) -> Any:
    from sagelens.cli.sources import source_files

    return source_files(project)


def execute(
    connection: Connection,
    compiled: Compiled,
    parameters: Mapping[str, str],
    *,
    selected: Sequence[str] = (),
    watch: Callable[[Document], None],
) -> Document:
    """Publish, start and follow to the end; `watch` sees every change."""
    parameters = {**compiled.versions, **parameters}
    if connection.follower is not None:
        from sagelens.cli.aws import check_start

        check_start(connection, compiled, parameters, selected)
    document = follow(connection, begin(connection, compiled, parameters, selected=selected), watch, own=True)
    if connection.follower is not None:
        from sagelens.aws.recorded import remember

        remember(connection.project.root, connection.project.environment.name, document)
    return document


def begin(connection: Connection, compiled: Compiled, parameters: Mapping[str, str], *, selected: Sequence[str] = ()) -> str:
    """Publish and start, on the data that its sources in S3 have now; returns the execution's ARN."""
    environment = connection.project.environment
    publish(
        compiled,
        sagemaker=connection.sagemaker,
        s3=connection.s3,
        bucket=environment.bucket,
        role=environment.role,
        tags=connection.tags,
        data_key=environment.keys.data or "",
    )
    return start(connection, compiled.name, parameters={**compiled.versions, **parameters}, selected=selected)
