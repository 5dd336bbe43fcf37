"""A warm interpreter: imports one family of modules, then forks a child for each request on its socket.

One thread, one loop. Library code runs only before the loop (imports) and in the children.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import pkgutil
import selectors
import signal
import socket
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from sagelens.job.adapters import adapter_of
from sagelens.local.forking import child
from sagelens.local.forking.families import CALLS, CLIENTS, FAMILIES, RECORDS, ROOMS
from sagelens.local.forking.protocol import Message, receive, send
from sagelens.wiring import warm_clients

__all__ = ["Zygote", "main", "threads"]

_PATIENCE = 5.0
"""Seconds that a client may take to send its request, since everyone else waits meanwhile."""


@dataclass
class _Served:
    connection: socket.socket
    tied: bool


class Zygote:
    """`control` is the connection to whoever asked for this interpreter: it hears when we are ready, and its end is ours."""

    def __init__(self, family: str, path: Path, control: socket.socket) -> None:
        self._family = family
        self._path = path
        self._control = control
        self._served: dict[int, _Served] = {}
        self._retired = False

    def run(self) -> NoReturn:
        """Warm up, say so, and serve until the control connection ends."""
        started = time.monotonic()
        warm(self._family)
        left = threads()
        if len(left) > 1:
            send(self._control, {"refused": f"imports of family '{self._family}' left threads: {', '.join(left)}"})
            os._exit(1)
        self._versions = _own_files()
        self._open()
        send(self._control, {"ready": self._family, "seconds": round(time.monotonic() - started, 3), "pid": os.getpid()})
        while True:
            self._round()

    def _round(self) -> None:
        """Wait, and see to all that came. What one event settles, another one of the same round must not meet again: a child's
        death and its client's leaving often come together when this process had to wait for its turn."""
        watched = self._selector.get_map()
        for key, _ in self._selector.select():
            if watched.get(key.fd) is key:
                key.data(key.fileobj)

    def _open(self) -> None:
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._path))
        self._path.chmod(0o600)
        self._listener.listen(128)
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._control, selectors.EVENT_READ, self._told)
        self._selector.register(self._woken, selectors.EVENT_READ, self._reap)
        child.prepare()
        gc.collect()
        _give_back()
        gc.freeze()

    def _accept(self, _: object) -> None:
        connection, _address = self._listener.accept()
        connection.settimeout(_PATIENCE)
        files: list[int] = []
        try:
            request, files = receive(connection)
            if request is not None:
                self._serve(request, files, connection)
            else:
                connection.close()
        except (OSError, ValueError, KeyError):
            traceback.print_exc()
            connection.close()
        finally:
            for file in files:
                os.close(file)

    def _serve(self, request: Message, files: list[int], connection: socket.socket) -> None:
        reason = self._unfit(request)
        if reason:
            send(connection, {"refused": reason})
            connection.close()
            return
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(request, files, connection, parent)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        if "serve" in request:  # it answers for itself, and may outlive us
            connection.close()
            return
        self._served[pid] = _Served(connection, tied=request.get("tied", True))
        self._selector.register(connection, selectors.EVENT_READ, lambda _: self._abandoned(pid))
        with contextlib.suppress(OSError):
            send(connection, {"pid": pid})

    def _unfit(self, request: Message) -> str:
        """Why a fork would not do: a thread is about, other files are to be run, or our own were edited since."""
        left = threads()
        if len(left) > 1:
            return f"family '{self._family}' has threads: {', '.join(left)}"
        if request.get("prefix", sys.prefix) != sys.prefix:
            return f"this interpreter belongs to {sys.prefix}"
        if not request.get("tied", True) and _own_files() != self._versions:
            self._path.unlink(missing_ok=True)
            self._selector.register(_ready(), selectors.EVENT_READ, self._end)
            return "the code was edited since this interpreter started"
        return ""

    def _become(self, request: Message, files: list[int], connection: socket.socket, parent: int) -> NoReturn:
        """In the child: drop what belongs to the parent, and be what was asked for."""
        os.setpgid(0, 0)
        connection.settimeout(None)
        signal.set_wakeup_fd(-1)
        self._selector.close()
        for served in self._served.values():
            served.connection.close()
        self._listener.close()
        self._control.close()
        os.close(self._woken)
        os.close(self._wake)
        if request.get("tied", True) and "serve" not in request:
            child.die_with_parent(parent)
        if "serve" in request:
            child.redirect(request["log"], ())
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            Zygote(request["serve"], Path(request["path"]), connection).run()
        # Said by the child itself: the kernel takes its time to free the memory of a process that has ended.
        child.run(request, files, before_exit=lambda code: _say(connection, {"exit": code}))

    def _abandoned(self, pid: int) -> None:
        """The client closed its connection: a tied child is killed, another one hears of it as from a terminal that closed."""
        served = self._served[pid]
        self._selector.unregister(served.connection)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL if served.tied else signal.SIGHUP)

    def _reap(self, _: object) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._ended(pid, os.waitstatus_to_exitcode(status))

    def _ended(self, pid: int, code: int) -> None:
        served = self._served.pop(pid, None)
        if served is None:
            return
        if served.tied:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(KeyError):
            self._selector.unregister(served.connection)
        _say(served.connection, {"exit": code})
        served.connection.close()
        self._leave_if_idle()

    def _told(self, _: object) -> None:
        """Word from whoever asked for us: to retire, or, by the end of the connection, to end."""
        try:
            message, _files = receive(self._control)
        except OSError:
            message = None
        if message is None:
            self._end(None)
        self._selector.unregister(self._listener)
        self._listener.close()
        self._retired = True
        self._leave_if_idle()

    def _leave_if_idle(self) -> None:
        if self._retired and not self._served:
            os._exit(0)

    def _end(self, _: object) -> NoReturn:
        """Whoever asked for us is gone, or we are out of date."""
        for pid, served in self._served.items():
            if served.tied:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        self._path.unlink(missing_ok=True)
        os._exit(0)


def warm(family: str) -> None:
    """Import what the family lists. Seconds spent on anything slow go to the log, so that a slow start can be explained."""
    gc.disable()
    for module in (*FAMILIES[family], *_modules_of(ROOMS[family])):
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001  a library may fail to import in any way; the family does without it
            print(f"zygote {family}: skipped {module}: {type(error).__name__}: {error}", flush=True)
    if family == "base":
        _load_service_models()
    for call in CALLS.get(family, ()):
        _named(call)()
    for record in RECORDS.get(family, ()):
        adapter_of(_named(record))


def _give_back() -> None:
    """Return to the system what imports have freed, where the C library offers that (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def _modules_of(packages: tuple[str, ...]) -> list[str]:
    """The modules of packages of ours, but for those that are programs."""
    found = []
    for name in packages:
        package = importlib.import_module(name)
        found += [name, *(module.name for module in pkgutil.walk_packages(package.__path__, f"{name}."))]
    return [name for name in found if not name.endswith(".__main__")]


def _load_service_models() -> None:
    """Parse what clients need and leave it with boto3's default session, where sagelens.wiring takes it from. Where the
    environment says to whom most children will talk, clients for that are made as well."""
    try:
        import boto3
        import botocore.session
    except ImportError:
        return
    made = boto3.session.Session(region_name="us-east-1", aws_access_key_id="-", aws_secret_access_key="-")  # noqa: S106  not a secret
    for service in CLIENTS:
        _drop_documentation(made.client(service).meta.service_model._service_description)  # noqa: SLF001
    fresh = botocore.session.Session()
    fresh.register_component("data_loader", made._session.get_component("data_loader"))  # noqa: SLF001  boto3 offers no other way
    boto3.DEFAULT_SESSION = boto3.session.Session(botocore_session=fresh)
    if "AWS_ACCESS_KEY_ID" in os.environ:
        warm_clients(CLIENTS)


def _drop_documentation(model: Any) -> None:
    """The texts are most of a service model's size, and serve only help()."""
    if isinstance(model, dict):
        if isinstance(model.get("documentation"), str):
            model["documentation"] = ""
        for value in model.values():
            _drop_documentation(value)


def threads() -> list[str]:
    """Names of this process's threads, as the kernel counts them."""
    tasks = Path("/proc/self/task")
    if tasks.is_dir():
        return [(task / "comm").read_text().strip() for task in tasks.iterdir()]
    import threading

    return [thread.name for thread in threading.enumerate()]


def _own_files() -> dict[str, float]:
    """When the files of our own modules, as loaded, were last changed."""
    found: dict[str, float] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and name.partition(".")[0] == "sagelens":
            try:
                found[file] = os.stat(file).st_mtime  # noqa: PTH116  a hundred files on the way of every command
            except OSError:
                found[file] = 0.0
    return found


def _ready() -> int:
    """A file that is ready to be read at once."""
    read, write = os.pipe()
    os.close(write)
    return read


def _say(connection: socket.socket, message: Message) -> None:
    with contextlib.suppress(OSError):
        send(connection, message)


def main(family: str, path: str, control: int) -> NoReturn:
    """The program that `Zygotes` starts for the family that has no parent."""
    Zygote(family, Path(path), socket.socket(fileno=control)).run()
