"""A process's own view of the file system: it may change its own folder, and nothing else of the machine.

In a mount namespace of its own everything is read-only but the folder that it was given, which also stands at `/opt/ml`, `/tmp`
and `/dev/shm` as a container's own would. The namespace ends with the process, so nothing is left to be undone, and the machine's
own `/opt` is neither written nor looked for. Needs Linux 5.12 (mount_setattr), and to be root or to be let make user namespaces.

Run as a script it tells whether that can be had here: exit code 0, or the reason on standard error. So it imports nothing but the
standard library.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Impossible", "confine", "plan_of"]

# From <sched.h> and <sys/mount.h>; the system call's number is the same on x86_64 and aarch64.
_NEW_MOUNTS = 0x00020000
_NEW_USERS = 0x10000000
_BIND, _REC, _PRIVATE = 0x1000, 0x4000, 0x40000
_NO_SUID, _NO_DEVICES = 0x2, 0x4
_MOUNT_SETATTR = 442
_RECURSIVE = 0x8000
_READ_ONLY = 0x1
_CWD = -100
_OPT = "/opt"
_TEMPORARY = "/tmp"  # noqa: S108 - the place itself, which gets another folder laid over it
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - likewise


class Impossible(OSError):
    """This system does not let the process have a view of its own."""


class _Attributes(ctypes.Structure):
    """`struct mount_attr` of <linux/mount.h>."""

    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("users", ctypes.c_uint64),
    )


def plan_of(root: Path, *, writable: Iterable[Path] = (), needed: Iterable[Path] = ()) -> dict[str, Any]:
    """What `confine` takes, as JSON. `root` is the job's folder; `writable` are folders elsewhere that it may change as well;
    `needed` are folders that must stay in sight though something of the job's own is laid over where they are."""
    return {"root": str(root), "writable": [str(path) for path in writable], "needed": [str(path) for path in needed]}


def confine(plan: Mapping[str, Any]) -> None:
    """Take on the view that the plan tells. Only in a process with one thread. Raises Impossible, before anything is changed
    for the process that matters: what fails ends with its namespace."""
    root = str(Path(plan["root"]).resolve())
    for name in ("opt/ml", "tmp"):
        Path(root, name).mkdir(parents=True, exist_ok=True)
    _enter()
    _mount("none", "/", _REC | _PRIVATE)
    opened = [os.open(path, os.O_PATH | os.O_DIRECTORY) for path in (_OPT, _TEMPORARY, f"{root}/opt/ml", f"{root}{_TEMPORARY}")]
    # By these ways the folders can be reached when something is laid over them.
    opt, temporary, own_opt, own_temporary = (Path(f"/proc/self/fd/{file}") for file in opened)
    _lay_over_opt(opt, own_opt)
    _mount(str(own_temporary), _TEMPORARY, _BIND)
    _show_below(_TEMPORARY, temporary, [*plan["needed"], *plan["writable"], root])
    for file in opened:
        os.close(file)
    if Path(_SHARED_MEMORY).is_dir():
        _mount("tmpfs", _SHARED_MEMORY, _NO_SUID | _NO_DEVICES, kind="tmpfs")
    _set("/", _RECURSIVE, _Attributes(set=_READ_ONLY))
    for path in (root, *plan["writable"], f"{_OPT}/ml", _TEMPORARY, _SHARED_MEMORY):
        if Path(path).is_dir():
            _open(path)


def _enter() -> None:
    """A mount namespace, as root; else one of users too, in which this user stands for itself."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS) == 0:
        return
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_MOUNTS | _NEW_USERS) != 0:
        number = ctypes.get_errno()
        raise Impossible(number, f"neither mount nor user namespaces are allowed ({os.strerror(number)})")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _lay_over_opt(before: Path, own: Path) -> None:
    """`/opt` with all that it held, and the job's own `/opt/ml`; the machine may have none, and gets none."""
    _mount("tmpfs", _OPT, _NO_SUID | _NO_DEVICES, kind="tmpfs")
    for entry in before.iterdir():
        _show(entry, Path(_OPT, entry.name))
    Path(_OPT, "ml").mkdir(exist_ok=True)
    _mount(str(own), f"{_OPT}/ml", _BIND | _REC)


def _show(entry: Path, place: Path) -> None:
    """Make something that was covered stand where it stood."""
    if entry.is_symlink():
        place.symlink_to(entry.readlink())
    elif entry.is_dir():
        place.mkdir()
        _mount(str(entry), str(place), _BIND | _REC)
    elif entry.is_file():
        place.touch()
        _mount(str(entry), str(place), _BIND)


def _show_below(covered: str, before: Path, needed: Sequence[str]) -> None:
    """What is needed of a folder that was covered stays where it is."""
    shown: list[Path] = []
    for path in sorted({Path(name) for name in needed}):
        if not path.is_relative_to(covered) or any(path.is_relative_to(other) for other in shown):
            continue
        source = before / path.relative_to(covered)
        if source.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            _mount(str(source), str(path), _BIND | _REC)
            shown.append(path)


def _open(path: str) -> None:
    """Let this folder be written, mounted onto itself where it is no mount of its own."""
    if not os.path.ismount(path):
        _mount(path, path, _BIND | _REC)
    _set(path, 0, _Attributes(clear=_READ_ONLY))


def _mount(source: str, target: str, flags: int, *, kind: str = "") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(os.fsencode(source), os.fsencode(target), kind.encode() or None, ctypes.c_ulong(flags), None) != 0:
        number = ctypes.get_errno()
        raise Impossible(number, f"{target} could not be mounted: {os.strerror(number)}")


def _set(path: str, flags: int, attributes: _Attributes) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    if libc.syscall(_MOUNT_SETATTR, _CWD, os.fsencode(path), flags, ctypes.byref(attributes), size) != 0:
        number = ctypes.get_errno()
        raise Impossible(number, f"what {path} allows could not be set: {os.strerror(number)}")


def main() -> None:
    """Whether a view of its own can be had: tried, in a folder that goes again."""
    if not sys.platform.startswith("linux"):
        sys.exit(f"{sys.platform} has no mount namespaces")
    with tempfile.TemporaryDirectory(prefix="sagelens-view-") as folder:
        child = os.fork()
        if child == 0:
            try:
                confine(plan_of(Path(folder)))
                Path("/opt/ml/tried").touch()
            except OSError as error:
                print(error.strerror or error, file=sys.stderr)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
