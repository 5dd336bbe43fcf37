"""The one DuckDB connection of a process."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from itertools import count
from typing import Any

from sagelens.data.table import Table

__all__ = ["connection", "cores", "materialise", "warm"]

SHARE_OF_MEMORY = 1 / 3
"""Of the machine's memory, before DuckDB spills to disk: two steps may run at the same time."""


def connection() -> Any:
    """The Ibis backend on an in-memory DuckDB that this process shares; a fork gets one of its own."""
    return _connection_of(os.getpid())


def materialise(table: Table) -> Table:
    """Compute a table once, into memory (DuckDB spills it to disk when memory is short), for several uses."""
    return table.get_backend().create_table(f"materialised_{next(_numbers)}", table, temp=True)


def warm() -> None:
    """Compile one query, without a database, so that what Ibis makes at first use is made before a fork."""
    import ibis

    left = ibis.table({"key": "string", "when": "timestamp", "value": "float64"}, name="left")
    hourly = left.mutate(when=left.when + ibis.interval(hours=1)).group_by("key", "when").agg(value=left.value.max())
    joined = left.filter(left.value.notnull()).distinct().left_join(hourly, ["key", "when"])
    ibis.to_sql(joined.select("key", (left.value > 1).cast("int8").name("flag")).order_by("key"), dialect="duckdb")


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_numbers = count()


def _spill_folder(pid: int) -> str:
    """Made by us, for us alone, so that nobody can have put something there first; removed with this process."""
    folder = tempfile.mkdtemp(prefix="sagelens-duckdb-")
    atexit.register(_remove, folder, pid)
    return folder


def _remove(folder: str, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _connection_of(pid: int) -> Any:
    import ibis

    megabytes = int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * SHARE_OF_MEMORY / 1e6)
    backend = ibis.duckdb.connect(
        threads=cores(),
        memory_limit=f"{megabytes}MB",
        temp_directory=_spill_folder(pid),
    )
    backend.con.execute("SET GLOBAL TimeZone = 'UTC'")
    return backend
