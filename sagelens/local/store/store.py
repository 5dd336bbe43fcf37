"""Resources in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sagelens.local.ports import Document, Resource
from sagelens.local.store.schema import connect

__all__ = ["AlreadyStored", "NotStored", "Store"]

_COLUMNS = "kind, arn, name, parent, status, created, modified, body"

OrderBy = Literal["created", "name", "modified"]


class AlreadyStored(LookupError):
    """A resource of this kind, owner and name, or of this ARN, exists."""


class NotStored(LookupError):
    """No resource has this ARN."""


class Store:
    """Keeps resources. Calls are synchronous and made from one thread; each change is a transaction of its own, unless made
    inside `with store.transaction()`, where all of them are kept or none."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self._depth = 0

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all changes made inside, or none when it raises. An inner transaction is part of the outer one."""
        if self._depth:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        else:
            self._connection.execute("COMMIT")
        finally:
            self._depth = 0

    def insert(self, resource: Resource) -> None:
        """Keep a new resource; AlreadyStored if its name, for its kind and parent, or its ARN is taken."""
        with self.transaction():
            try:
                self._connection.execute(f"INSERT INTO resource ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _row(resource))  # noqa: S608  a constant
            except sqlite3.IntegrityError as error:
                raise AlreadyStored(f"{resource.kind} '{resource.name}' ({resource.arn}) exists.") from error

    def get(self, kind: str, name: str, parent: str = "") -> Resource | None:
        return self._one("kind = ? AND parent = ? AND name = ?", kind, parent, name)

    def find(self, arn: str) -> Resource | None:
        return self._one("arn = ?", arn)

    def update(
        self,
        arn: str,
        *,
        modified: float,
        status: str | None = None,
        body: Document | None = None,
        replace: bool = False,
    ) -> Resource:
        """Change a resource and answer with the result. The members of `body` are laid over those kept, or replace them all."""
        with self.transaction():
            old = self.find(arn)
            if old is None:
                raise NotStored(f"No resource has the ARN {arn}.")
            new = Resource(
                kind=old.kind,
                arn=arn,
                name=old.name,
                parent=old.parent,
                status=old.status if status is None else status,
                created=old.created,
                modified=modified,
                body=old.body if body is None else body if replace else {**old.body, **body},
            )
            self._connection.execute(
                "UPDATE resource SET status = ?, modified = ?, body = ? WHERE arn = ?",
                (new.status, modified, _dump(new.body), arn),
            )
        return new

    def delete(self, arn: str) -> bool:
        """Forget a resource; whether there was one."""
        with self.transaction():
            return self._connection.execute("DELETE FROM resource WHERE arn = ?", (arn,)).rowcount > 0

    def query(  # noqa: PLR0913  one filter each
        self,
        kind: str,
        *,
        parent: str | None = None,
        status: str | None = None,
        name_contains: str | None = None,
        created_after: float | None = None,
        created_before: float | None = None,
        modified_after: float | None = None,
        modified_before: float | None = None,
        order_by: OrderBy = "created",
        descending: bool = True,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Resource]:
        """The resources of a kind that pass every filter given. Equal keys keep the order in which they were inserted."""
        filters = {
            "kind = ?": kind,
            "parent = ?": parent,
            "status = ?": status,
            "instr(lower(name), lower(?)) > 0": name_contains,
            "created > ?": created_after,
            "created < ?": created_before,
            "modified > ?": modified_after,
            "modified < ?": modified_before,
        }
        used = {clause: value for clause, value in filters.items() if value is not None}
        direction = "DESC" if descending else "ASC"
        column = {"created": "created", "name": "name", "modified": "modified"}[order_by]
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM resource WHERE {' AND '.join(used)} "  # noqa: S608  constants
            f"ORDER BY {column} {direction}, rowid {direction} LIMIT ? OFFSET ?",
            (*used.values(), -1 if limit is None else limit, offset),
        )
        return [_resource(row) for row in rows]

    def _one(self, condition: str, *values: str) -> Resource | None:
        row = self._connection.execute(f"SELECT {_COLUMNS} FROM resource WHERE {condition}", values).fetchone()  # noqa: S608  constants
        return None if row is None else _resource(row)


def _dump(body: Document) -> str:
    """Text that the database takes, whatever a job left as its last words: what is no Unicode is written as escapes."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(body, separators=(",", ":"))
    return text


def _row(resource: Resource) -> tuple[Any, ...]:
    r = resource
    return (r.kind, r.arn, r.name, r.parent, r.status, r.created, r.modified, _dump(r.body))


def _resource(row: tuple[Any, ...]) -> Resource:
    kind, arn, name, parent, status, created, modified, body = row
    return Resource(
        kind=kind,
        arn=arn,
        name=name,
        parent=parent,
        status=status,
        created=created,
        modified=modified,
        body=json.loads(body),
    )
