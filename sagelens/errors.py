"""Every error that sagelens raises on purpose.

    SagelensError                 exit 1
    ├── StepFailed                exit 1    a step raised; carries the step's name
    ├── ServiceUnavailable        exit 1    the local service did not start or does not answer (Transient)
    ├── BadInput                  exit 2    something the caller gave cannot be used
    │   ├── BadConfig             exit 2    a file below configs/, or --set
    │   ├── BadData               exit 2    a source or a table
    │   └── NotFound              exit 2    a name that nothing answers to
    ├── DataGateStopped           exit 3
    ├── ModelGateStopped          exit 4
    ├── RolledBack                exit 5
    ├── WaitingForApproval        exit 6
    ├── Inconclusive              exit 7
    ├── Refused                   exit 8    not approved, wrong digest, breaking schema, over budget
    ├── RollbackFailed            exit 9
    ├── DiskFull                  exit 10   this machine has no room left (Transient)
    ├── Defect                    exit 70   a fault of sagelens itself; its traceback is kept in a file
    └── Interrupted               exit 130

A message says what failed, on what, what is allowed and what to do. `kind` is the stable word that appears in `--json`
and, as a prefix of the failure message, in what a container leaves for SageMaker (see `to_failure_message`).
"""

from __future__ import annotations

import errno
from typing import ClassVar

__all__ = [
    "BadConfig",
    "BadData",
    "BadInput",
    "DataGateStopped",
    "Defect",
    "DiskFull",
    "Inconclusive",
    "Interrupted",
    "ModelGateStopped",
    "NotFound",
    "Refused",
    "RollbackFailed",
    "RolledBack",
    "SagelensError",
    "ServiceUnavailable",
    "StepFailed",
    "Transient",
    "WaitingForApproval",
    "disk_full",
    "error_of_kind",
    "from_failure_message",
    "to_failure_message",
]


class Transient:
    """Mixin: the same call may succeed later."""


class SagelensError(Exception):
    """Root of the tree."""

    kind: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    @property
    def message(self) -> str:
        return str(self.args[0]) if self.args else self.kind


class StepFailed(SagelensError):
    kind = "step-failed"


class ServiceUnavailable(Transient, SagelensError):
    kind = "service-unavailable"


class BadInput(SagelensError):
    kind = "bad-input"
    exit_code = 2


class BadConfig(BadInput):
    kind = "bad-config"


class BadData(BadInput):
    kind = "bad-data"


class NotFound(BadInput):
    kind = "not-found"


class DataGateStopped(SagelensError):
    kind = "data-gate"
    exit_code = 3


class ModelGateStopped(SagelensError):
    kind = "model-gate"
    exit_code = 4


class RolledBack(SagelensError):
    kind = "rolled-back"
    exit_code = 5


class WaitingForApproval(SagelensError):
    kind = "waiting-for-approval"
    exit_code = 6


class Inconclusive(SagelensError):
    kind = "inconclusive"
    exit_code = 7


class Refused(SagelensError):
    kind = "refused"
    exit_code = 8


class RollbackFailed(SagelensError):
    kind = "rollback-failed"
    exit_code = 9


class DiskFull(Transient, SagelensError):
    kind = "disk-full"
    exit_code = 10


class Defect(SagelensError):
    kind = "defect"
    exit_code = 70  # EX_SOFTWARE of sysexits.h


class Interrupted(SagelensError):
    kind = "interrupted"
    exit_code = 130


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_SAID_OF_NO_ROOM = ("No space left on device", "database or disk is full", "Disk quota exceeded")


def disk_full(error: BaseException) -> DiskFull | None:
    """What stands behind an error, as far down as its causes are known, if that is a disk without room."""
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, DiskFull):
            return cause
        if (isinstance(cause, OSError) and cause.errno in _NO_ROOM) or any(said in str(cause) for said in _SAID_OF_NO_ROOM):
            where = f" ({cause.filename})" if isinstance(cause, OSError) and cause.filename else ""
            return DiskFull(f"The disk is full{where}. Free some room and run again; nothing that was stored is lost.")
        cause = cause.__cause__ or cause.__context__
    return None


def _tree(root: type[SagelensError]) -> dict[str, type[SagelensError]]:
    found = {root.kind: root}
    for child in root.__subclasses__():
        found |= _tree(child)
    return found


def error_of_kind(kind: str) -> type[SagelensError]:
    """The class whose `kind` this is; StepFailed for a word that is not ours."""
    return _tree(SagelensError).get(kind, StepFailed)


def to_failure_message(error: SagelensError) -> str:
    """One line for /opt/ml/output/message: the kind, a colon, the message."""
    return f"{error.kind}: {' '.join(error.message.split())}"


def from_failure_message(text: str) -> SagelensError:
    """The error that `to_failure_message` described; StepFailed for any other text."""
    kind, colon, message = text.partition(": ")
    known = _tree(SagelensError)
    if colon and kind in known:
        return known[kind](message)
    return StepFailed(text)
