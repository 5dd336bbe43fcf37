"""The bytes of one connection as requests, in whatever pieces they arrive. HTTP/1.1 and nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import httptools

from sagelens.local.api.protocol import HttpRequest

__all__ = ["LARGEST_BODY", "LARGEST_HEAD", "MOST_HEADERS", "Admits", "Reader", "Refusal"]

LARGEST_BODY = 32 * 1024 * 1024
LARGEST_HEAD = 64 * 1024
MOST_HEADERS = 128
"""AWS's clients send about fifteen."""
_LARGEST_FRAMING = 4 * 1024 * 1024
"""Bytes that a request may spend on sizes and extensions of chunks, and on trailers."""
_PATIENCE = 8
"""Times the limit: how much of a body that is too large is read, and thrown away, before the connection is closed on it.
Many clients read no answer before they have sent all."""


@dataclass(frozen=True)
class Refusal:
    """What is answered in place of a request that cannot be read."""

    status: int
    message: str


Admits = Callable[[Mapping[str, str]], bool]
"""Whether who sends these headers may send a body as well."""


class _TurnedAwayError(Exception):
    """Makes httptools parse no further."""


_HEAD_TOO_LARGE = Refusal(431, f"The request's head is larger than {LARGEST_HEAD} bytes.")
_TOO_MANY_HEADERS = Refusal(431, f"The request has more than {MOST_HEADERS} headers.")
_FRAMING_TOO_LARGE = Refusal(413, f"The chunks of the body bring more than {_LARGEST_FRAMING} bytes beside it.")
_BODY_TOO_LARGE = Refusal(413, f"The body is larger than {LARGEST_BODY} bytes.")


_NAMES = {
    name.encode(): name.lower()
    for name in (
        "Accept",
        "Accept-Encoding",
        "Authorization",
        "Content-Length",
        "Content-Type",
        "Host",
        "User-Agent",
        "X-Amz-Date",
        "X-Amz-Target",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
    )
}
"""Names as boto3 writes them: looking them up is cheaper than making them."""


class Reader:
    """`waiting` holds what was read, in order. httptools calls the `on_` methods while it parses.

    Once the bytes make no sense, and after a request that asks for the connection to be closed, nothing more is read (`ended`).
    `expects` is true while the request under way waits for "100 Continue". `admitted` is true once `admits` has let a request
    in. One that it does not let in is handed on as soon as its head is complete, without its body, of which nothing is kept.
    """

    def __init__(self, admits: Admits = lambda _: True) -> None:
        self.waiting: deque[HttpRequest | Refusal] = deque()
        self.ended = False
        self.expects = False
        self.partial = False
        self.headed = False
        self.admitted = False
        self.turned_away = False
        self._admits = admits
        self._asked = False
        self._raw: dict[bytes, bytes] = {}
        self.on_header = self._raw.__setitem__  # a method would cost a call for each header of each request
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: bytes | bytearray = b""
        self._size = 0
        self._piece = 0
        """Bytes in the piece that is being read; in the piece in which the request began; and in all pieces since."""
        self._first = 0
        self._fed = 0

    def feed(self, data: bytes) -> None:
        if self.admitted or len(data) <= LARGEST_HEAD:
            self._feed(data)
            return
        for start in range(0, len(data), LARGEST_HEAD):  # so that nobody without the key has more parsed than a head may have
            self._feed(data[start : start + LARGEST_HEAD])

    def _feed(self, data: bytes) -> None:
        if self.ended:
            return
        self._asked = False
        self._fed += len(data)
        self._piece = len(data)
        if self.headed:
            self._raw.clear()  # of trailers
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.refuse(400, "Only HTTP/1.1 is spoken here: the connection cannot be upgraded. Send the request without Upgrade.")
        except httptools.HttpParserError as error:  # who was turned away is told nothing more
            self.refuse(400, f"This is not HTTP/1.1: {error}.")
        if self.partial:
            self._check_size()

    def refuse(self, status: int, message: str) -> None:
        """Answer so, after what came before, and read no further."""
        self._refuse(Refusal(status, message))

    def on_message_begin(self) -> None:
        if self.ended:
            return
        self.partial = True
        self.expects = self.headed = False
        self._target = b""
        self._raw.clear()
        self._body = b""
        self._size = self._fed = 0
        self._first = self._piece

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_headers_complete(self) -> None:
        """Takes the headers: what follows a body, as a trailer, may not change what was said before it."""
        self.headed = True
        if self.ended:
            return
        raw = self._raw
        if len(raw) > MOST_HEADERS:
            self._refuse(_TOO_MANY_HEADERS)
            return
        if self._first + self._fed > LARGEST_HEAD and _size(raw) + len(self._target) > LARGEST_HEAD:
            self._refuse(_HEAD_TOO_LARGE)
            return
        headers = self._headers = {
            _NAMES.get(name) or name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw.items()
        }
        if self._parser.get_http_version() != "1.1":
            self.refuse(400, "Only HTTP/1.1 is spoken here.")
        elif headers.get("transfer-encoding", "chunked").lower() != "chunked":
            self.refuse(400, "Of all transfer encodings only chunked is read.")
        elif not self._admit(headers):
            self._turn_away()
        elif "expect" in headers:
            self._expectation(headers["expect"])

    def on_body(self, body: bytes) -> None:
        if self.ended:
            return
        self.expects = False
        before = self._size
        self._size += len(body)
        if self._size > LARGEST_BODY:
            self._body = b""
            if self._size > _PATIENCE * LARGEST_BODY:
                self._refuse(_BODY_TOO_LARGE)
        elif not before:
            self._body = body
        else:
            if not isinstance(self._body, bytearray):
                self._body = bytearray(self._body)
            self._body += body  # small chunks take no more room than their bytes

    def on_message_complete(self) -> None:
        if self.ended or self._parser.should_upgrade():
            return
        self.partial = self.expects = False
        self.waiting.append(self._request() if self._size <= LARGEST_BODY else _BODY_TOO_LARGE)
        self.ended = not self._parser.should_keep_alive()

    def _request(self) -> HttpRequest:
        body, self._body = self._body, b""
        return HttpRequest(
            method=self._parser.get_method().decode("ascii"),
            target=self._target.decode("latin-1").partition("?")[0],
            headers=self._headers,
            body=bytes(body),
        )

    def _admit(self, headers: Mapping[str, str]) -> bool:
        """Whether the request is read on: who is not admitted may ask for one thing at a time, and send no body."""
        if self._admits(headers):
            self.admitted = True
            return True
        before, self._asked = self._asked, True
        return not before and "transfer-encoding" not in headers and headers.get("content-length", "0") == "0"

    def _turn_away(self) -> NoReturn:
        """Ends the parsing as well: what follows would be read for nothing."""
        self.waiting.append(self._request())
        self.ended = self.turned_away = True
        self.partial = self.expects = False
        raise _TurnedAwayError

    def _check_size(self) -> None:
        """Of what has come of a request that is not complete."""
        if self.headed:
            if self._fed - self._size > _LARGEST_FRAMING:
                self._refuse(_FRAMING_TOO_LARGE)
        elif self._fed > LARGEST_HEAD:
            self._refuse(_HEAD_TOO_LARGE)
        elif len(self._raw) > MOST_HEADERS:
            self._refuse(_TOO_MANY_HEADERS)

    def _refuse(self, refusal: Refusal) -> None:
        if not self.ended:
            self.waiting.append(refusal)
            self.ended = True
        self.partial = self.expects = False

    def _expectation(self, value: str) -> None:
        if value.lower() != "100-continue":
            self.refuse(417, f"Expect: {value} cannot be met; only 100-continue can.")
        elif int(self._headers.get("content-length", 0)) > LARGEST_BODY:
            self._refuse(_BODY_TOO_LARGE)
        else:
            self.expects = True


def _size(headers: Mapping[bytes, bytes]) -> int:
    return sum(map(len, headers)) + sum(map(len, headers.values()))
