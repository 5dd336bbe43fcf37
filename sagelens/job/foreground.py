"""A step in the debugger, on the inputs of a job that ran before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelens.job.failure import as_ours
from sagelens.job.layout import JobKind, layout_of
from sagelens.job.request import read_request
from sagelens.job.run import Trace, prepare
from sagelens.wiring import Clients, quiet

if TYPE_CHECKING:
    from pdb import Pdb

__all__ = ["debug"]


def debug(root: Path, *, kind: JobKind = JobKind.PROCESSING, debugger: Pdb | None = None, project: Path | None = None) -> Any:
    """Call the step's function in pdb, stopping at its first line, and answer what it returns.

    `root` is a job's folder, the SAGELENS_ROOT that it ran with. Nothing is written to it. `project` is where the code lies
    that runs in place of the job's. Raises what the job would have left, with the line of the code that failed.
    """
    from pdb import Pdb

    quiet()
    layout = layout_of(kind, str(root))
    try:
        prepared = prepare(read_request(layout.step), layout, Clients(), Trace())
        return prepared.call(through=(debugger or Pdb()).runcall)
    except Exception as error:
        raise as_ours(error, [*([project] if project else []), layout.code]) from error
