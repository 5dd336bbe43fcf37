"""A tracking database in a SQLite file, set up so that a commit does not wait for the disk.

MLflow commits some 15 times a step. With a write-ahead log that is synchronised at checkpoints, the file survives the death of
any process, and the loss of power but for the last changes, which a projection can write again.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

__all__ = ["prepare_sqlite", "sqlite_uri"]

_PREFIX = "sqlite:///"
_PATIENCE = 60_000  # ms that a write waits for another process, such as MLflow's pages, to end its own
_files: set[str] = set()


def prepare_sqlite(uri: str) -> None:
    """Set up the file that a SQLite URI names, before MLflow opens it; nothing for other URIs."""
    if not uri.startswith(_PREFIX) or uri == _PREFIX or ":memory:" in uri:
        return
    from sqlalchemy import event
    from sqlalchemy.engine import Engine, make_url

    path = Path(str(make_url(uri).database)).absolute()  # without what follows a question mark
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=_PATIENCE / 1000)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    _files.add(str(path.resolve()))
    if not event.contains(Engine, "connect", _relax):
        event.listen(Engine, "connect", _relax)


def sqlite_uri(file: Path, folder: Path) -> str:
    """MLflow's address of a SQLite file for a process that works in `folder`: a path in which a `%`, `?` or `#` would mean
    something is said from there."""
    odd = any(sign in "%?#" for sign in str(file))
    return f"{_PREFIX}{os.path.relpath(file, folder) if odd else file}"


def _relax(connection: Any, _record: Any) -> None:
    """For each new connection of any engine; those to other databases are left alone."""
    if isinstance(connection, sqlite3.Connection):
        (_, _, file), *_ = connection.execute("PRAGMA database_list").fetchall()
        if file in _files:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
