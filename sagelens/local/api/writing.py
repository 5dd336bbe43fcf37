"""Answers as bytes, with the headers that every one carries."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus

from sagelens.local.api.protocol import HttpAnswer
from sagelens.local.ports import Clock

__all__ = ["CONTINUE", "Writer", "plain"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_BREAKS = str.maketrans("\r\n", "  ")


class Writer:
    """Writes the heads of answers. Date is the time on the service's clock, x-sagelens-clock says which clock that is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self._stamp = ""

    def head(self, answer: HttpAnswer, *, last: bool) -> bytes:
        """Status line and headers; `last` says that the connection is closed after this answer."""
        told = [
            f"content-type: {answer.content_type}",
            f"content-length: {len(answer.body)}",
            f"x-amzn-requestid: {answer.request_id}",
            *[f"{name}: {value}" for name, value in answer.headers.items()],
        ]
        if last:
            told.append("connection: close")
        lines = "\r\n".join(told)
        if not lines.count("\r") == lines.count("\n") == len(told) - 1:  # a break inside a value would begin another header
            lines = "\r\n".join([line.translate(_BREAKS) for line in told])
        status = f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unknown')}"
        return f"{status}\r\n{self._stamped()}{lines}\r\n\r\n".encode("latin-1", "replace")

    def _stamped(self) -> str:
        second = int(self._clock.time())
        if second != self._second:
            self._second = second
            self._stamp = f"date: {formatdate(second, usegmt=True)}\r\nx-sagelens-clock: {self._clock.label}\r\n"
        return self._stamp


def plain(status: int, text: str) -> HttpAnswer:
    """An answer for who is no AWS client, or was not understood."""
    return HttpAnswer(status=status, content_type="text/plain; charset=utf-8", body=f"{text}\n".encode())
