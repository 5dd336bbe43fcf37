"""Our own pages over HTTP, on loopback: the runs at `/`, reports below `/reports/`."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sagelens.errors import BadInput

__all__ = ["Pages"]

_REPORT = re.compile(r"/reports/([A-Za-z0-9][A-Za-z0-9_-]*)\.html")
_OWN = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_SECONDS = 10.0  # that a client may take to ask


class Pages:
    """Takes its port at once, and answers from `serve` on."""

    def __init__(self, port: int) -> None:
        try:
            self._server = _Server(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            raise BadInput(f"Port {port} cannot be used: {error}. Name another with --port; 0 takes any free one.") from error
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def serve(self, render: Callable[[], str], reports: Path) -> None:
        """Begin to answer. `render` makes the first page anew for each request."""
        self._server.render, self._server.reports = render, reports
        self._thread = threading.Thread(target=self._server.serve_forever, name="pages", daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    render: Callable[[], str]
    reports: Path

    @property
    def hosts(self) -> tuple[str, str]:
        return f"127.0.0.1:{self.server_port}", f"localhost:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SECONDS
    server_version = "sagelens"
    sys_version = ""

    def do_GET(self) -> None:
        """A name that leads here from elsewhere (DNS rebinding) is refused, so no page of others reads ours."""
        if self.headers.get("Host") not in self.server.hosts:
            self._answer(HTTPStatus.FORBIDDEN, "Ask for 127.0.0.1 or localhost.", kind="text/plain")
        elif self.path == "/":
            self._answer(HTTPStatus.OK, self.server.render(), policy=_OWN)
        elif (found := _REPORT.fullmatch(self.path)) and (file := self.server.reports / f"{found[1]}.html").is_file():
            self._answer(HTTPStatus.OK, file.read_text(encoding="utf-8"))  # it says itself what its page may do
        else:
            self._answer(HTTPStatus.NOT_FOUND, "There is no such page.", kind="text/plain")

    def _answer(self, status: HTTPStatus, text: str, *, kind: str = "text/html", policy: str = "") -> None:
        body = text.encode()
        self.send_response(status)
        headers = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        headers |= {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
        for name, value in (headers | ({"Content-Security-Policy": policy} if policy else {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Nothing: the terminal is for what a person should see."""
