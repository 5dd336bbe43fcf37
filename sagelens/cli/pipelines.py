"""From the name of a pipeline to an execution that has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sagelens.cli.execution import Document, follow, start
from sagelens.cli.target import Connection
from sagelens.pipeline.compose import Compiled, compose, publish

__all__ = ["composed", "execute", "source_files_of"]


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
    arn = start(connection, compiled.name, parameters=parameters, selected=selected)
    return follow(connection, arn, watch)
