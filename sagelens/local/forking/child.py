"""The child's side of a fork, and the whole of a fresh process: take on what the request asks for, call the function, leave.

Run as a script by its path, it does the same in a fresh interpreter. So it imports nothing but the standard library.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import hashlib
import importlib
import importlib.util
import json
import logging
import multiprocessing.util
import os
import random
import signal
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["die_with_parent", "leave", "redirect", "run", "take_on"]

_PR_SET_PDEATHSIG = 1
_pools: list[Any] = []
_own: dict[str, str] = {}
_LIBRARY = str(Path(__file__).resolve().parents[3])


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent ends. Linux only; elsewhere the parent's closed socket tells."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def run(request: Mapping[str, Any], files: Sequence[int], *, before_exit: Callable[[int], None] | None = None) -> NoReturn:
    """Serve a request in a process just forked. Never returns."""
    code = 1
    try:
        take_on(request, files)
        code = _call(request["call"])
    except BaseException:  # noqa: BLE001  the last frame of a process: what is not said here is lost
        traceback.print_exc()
    leave(code, before_exit)


def take_on(request: Mapping[str, Any], files: Sequence[int]) -> None:
    """Signals, output, environment, folder, arguments, threads and seeds as a process of its own would have them."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    redirect(request.get("log"), files)
    os.environ.clear()
    os.environ.update(request["env"])
    if request.get("view"):
        _confine(request["view"])
    os.chdir(request["cwd"])
    sys.argv = [request["program"], *request["argv"]]
    _take_on_paths(os.environ)
    _take_on_threads(os.environ)
    if "tempfile" in sys.modules:
        sys.modules["tempfile"].tempdir = None  # type: ignore[attr-defined]  # found out by the parent; ours may be another
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    gc.enable()


def _confine(plan: Mapping[str, Any]) -> None:
    """Take on the view of `confine.py`, found beside this file: as a script this one has no packages."""
    name = "sagelens.local.forking.confine"
    module = sys.modules.get(name)
    if module is None:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("confine.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    module.confine(plan)


def redirect(log: str | None, files: Sequence[int]) -> None:
    """Standard input, output and error: the files given, or nothing and the log."""
    if log is not None:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        files = (os.open(os.devnull, os.O_RDONLY), output, output)
    for number, file in enumerate(files):
        os.dup2(file, number)
    for file in set(files) - {0, 1, 2}:
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  a descriptor, for the process's life
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115


def _take_on_paths(env: Mapping[str, str]) -> None:
    """PYTHONPATH, as at the start of an interpreter; modules of ours make way for those that the request brings along."""
    entries = [entry for entry in env.get("PYTHONPATH", "").split(os.pathsep) if entry]
    given = list(dict.fromkeys(path for entry in entries for path in (str(Path(entry).resolve()), entry)))
    sys.path[:0] = given  # resolved first: the same code has the same path, so its compiled form is found again
    sys.pycache_prefix = env.get("PYTHONPYCACHEPREFIX") or None
    sys.dont_write_bytecode = bool(env.get("PYTHONDONTWRITEBYTECODE"))
    if any((Path(entry) / "sagelens").is_dir() and entry != _LIBRARY and not _same_as_ours(Path(entry)) for entry in given):
        for name in [name for name in sys.modules if name.partition(".")[0] == "sagelens"]:
            del sys.modules[name]
        importlib.invalidate_caches()


def _same_as_ours(code: Path) -> bool:
    """Whether all of the library that came with a job is, by its digests, what this interpreter has imported already."""
    try:
        files = json.loads((code / "sagelens-code.json").read_bytes())["files"]
    except (OSError, ValueError, KeyError):
        return False
    return all(_own.get(path) == digest for path, digest in files.items() if path.startswith("sagelens/"))


def _digest_of_ours() -> dict[str, str]:
    library = Path(_LIBRARY)
    return {
        file.relative_to(library).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (library / "sagelens").rglob("*.py")
    }


def prepare() -> None:
    """In the parent, once: what every child would have to find out or undo for itself. Handlers for the exit that libraries
    registered while they were imported belong to the parent; those of the standard library serve the children too."""
    _own.clear()
    _own.update(_digest_of_ours())
    if "threadpoolctl" in sys.modules:
        _pools[:] = sys.modules["threadpoolctl"].ThreadpoolController().lib_controllers
    atexit._clear()  # noqa: SLF001
    for handler in (logging.shutdown, multiprocessing.util._exit_function, weakref.finalize._exitfunc):  # type: ignore[attr-defined]  # noqa: SLF001
        atexit.register(handler)


def _take_on_threads(env: Mapping[str, str]) -> None:
    """Lift the limit of one thread that held while the interpreter warmed up."""
    asked = env.get("OMP_NUM_THREADS", "").partition(",")[0]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for pool in _pools:
        pool.set_num_threads(int(asked) if asked.isdigit() and int(asked) else cores)


def _call(name: str) -> int:
    """Call `module:function` and answer with the exit code that a program would leave with."""
    module, _, function = name.partition(":")
    try:
        result = getattr(importlib.import_module(module), function)()
    except SystemExit as leaving:
        result = leaving.code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BaseException:  # noqa: BLE001  a program's last traceback goes to its log
        traceback.print_exc()
        return 1
    if result is None or isinstance(result, int):
        return (result or 0) & 0xFF
    print(result, file=sys.stderr)
    return 1


def leave(code: int, before_exit: Callable[[int], None] | None = None) -> NoReturn:
    """Wait for threads, run what was registered for the exit, flush, and end without unwinding the frames of the parent."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001  what the interpreter does at its end
        atexit._run_exitfuncs()  # noqa: SLF001
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001  nothing can be done about it any more, but it is said
        traceback.print_exc()
    finally:
        if before_exit is not None:
            before_exit(code)
        os._exit(code)


def _watch(parent: int) -> None:
    """Where the kernel does not tell of the parent's end."""
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """`child.py PARENT JSON`: a fresh process for a call, or for a command that is to end with its parent."""
    parent = int(sys.argv[1])
    die_with_parent(parent)
    if not sys.platform.startswith("linux"):
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    request = json.loads(sys.argv[2])
    if request.get("view"):
        here = Path.cwd()
        _confine(request["view"])
        os.chdir(here)  # the same folder, by a way that may be written
    if "command" in request:
        os.execvp(request["command"][0], request["command"])  # noqa: S606  no shell is wanted
    if _LIBRARY not in sys.path:
        sys.path.insert(next((i for i, path in enumerate(sys.path) if path.endswith("-packages")), len(sys.path)), _LIBRARY)
    sys.argv = [request["program"], *request["argv"]]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.exit(_call(request["call"]))


if __name__ == "__main__":
    main()
