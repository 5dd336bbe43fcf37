"""The tables of state.db, and how an older file is brought up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sagelens.errors import ServiceUnavailable

__all__ = ["connect"]

_MIGRATIONS = (
    """
    CREATE TABLE resource (
        arn TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        parent TEXT NOT NULL,
        name TEXT NOT NULL,
        status TEXT NOT NULL,
        created REAL NOT NULL,
        modified REAL NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (kind, parent, name)
    ) STRICT;
    CREATE INDEX resource_by_age ON resource (kind, created);
    CREATE INDEX resource_by_status ON resource (kind, status);
    """,
)
"""Each entry takes the schema one version up; PRAGMA user_version counts those that were applied."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, made or migrated as needed. Every commit survives the death of the process."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=64)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        _migrate(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise ServiceUnavailable(
            f"{path} cannot be used: {error}. If it is damaged, start over with `sagelens local reset`."
        ) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_MIGRATIONS):
        raise ServiceUnavailable(
            f"{path} has schema version {version}, written by a newer sagelens; this one knows up to {len(_MIGRATIONS)}. "
            "Upgrade sagelens, or start over with `sagelens local reset`."
        )
    for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")
