"""The bytes of one connection as requests, in whatever pieces they arrive. HTTP/1.1 and nothing else."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import httptools

from sagelens.local.api.protocol import HttpRequest

__all__ = ["LARGEST_BODY", "LARGEST_HEAD", "Reader", "Refusal"]

LARGEST_BODY = 32 * 1024 * 1024
LARGEST_HEAD = 64 * 1024
_PATIENCE = 8
"""Times the limit: how much of a body that is too large is read, and thrown away, before the connection is closed on it.
Many clients read no answer before they have sent all."""


@dataclass(frozen=True)
class Refusal:
    """What is answered in place of a request that cannot be read."""

    status: int
    message: str


_HEAD_TOO_LARGE = Refusal(431, f"The request's head is larger than {LARGEST_HEAD} bytes.")
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
    `expects` is true while the request under way waits for "100 Continue".
    """

    def __init__(self) -> None:
        self.waiting: deque[HttpRequest | Refusal] = deque()
        self.ended = False
        self.expects = False
        self.partial = False
        self._raw: dict[bytes, bytes] = {}
        self.on_header = self._raw.__setitem__  # a method would cost a call for each header of each request
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._size = 0
        self._piece = 0
        """Bytes in the piece that is being read; in the piece in which the request began; and in all pieces since."""
        self._first = 0
        self._fed = 0
        self._headed = False

    def feed(self, data: bytes) -> None:
        if self.ended:
            return
        self._fed += len(data)
        self._piece = len(data)
        if self._headed:
            self._raw.clear()  # of trailers
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.refuse(501, "Only HTTP/1.1 is spoken here: the connection cannot be upgraded. Send the request without Upgrade.")
        except httptools.HttpParserError as error:
            self.refuse(400, f"This is not HTTP/1.1: {error}.")
        if self._fed > LARGEST_HEAD and self.partial and not self._headed:
            self._refuse(_HEAD_TOO_LARGE)

    def refuse(self, status: int, message: str) -> None:
        """Answer so, after what came before, and read no further."""
        self._refuse(Refusal(status, message))

    def on_message_begin(self) -> None:
        if self.ended:
            return
        self.partial = True
        self.expects = self._headed = False
        self._target = b""
        self._raw.clear()
        self._chunks = []
        self._size = self._fed = 0
        self._first = self._piece

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_headers_complete(self) -> None:
        """Takes the headers: what follows a body, as a trailer, may not change what was said before it."""
        self._headed = True
        if self.ended:
            return
        headers = self._headers = {
            _NAMES.get(name) or name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._raw.items()
        }
        if self._parser.get_http_version() != "1.1":
            self.refuse(505, "Only HTTP/1.1 is spoken here.")
        elif headers.get("transfer-encoding", "chunked").lower() != "chunked":
            self.refuse(501, "Of all transfer encodings only chunked is read.")
        elif self._first + self._fed > LARGEST_HEAD and _size(headers) + len(self._target) > LARGEST_HEAD:
            self._refuse(_HEAD_TOO_LARGE)
        elif "expect" in headers:
            self._expectation(headers["expect"])

    def on_body(self, body: bytes) -> None:
        if self.ended:
            return
        self.expects = False
        self._size += len(body)
        if self._size <= LARGEST_BODY:
            self._chunks.append(body)
        else:
            self._chunks.clear()
            if self._size > _PATIENCE * LARGEST_BODY:
                self._refuse(_BODY_TOO_LARGE)

    def on_message_complete(self) -> None:
        if self.ended or self._parser.should_upgrade():
            return
        self.partial = self.expects = False
        self.waiting.append(self._request() if self._size <= LARGEST_BODY else _BODY_TOO_LARGE)
        self.ended = not self._parser.should_keep_alive()

    def _request(self) -> HttpRequest:
        chunks, self._chunks = self._chunks, []
        return HttpRequest(
            method=self._parser.get_method().decode("ascii"),
            target=self._target.decode("latin-1").partition("?")[0],
            headers=self._headers,
            body=chunks[0] if len(chunks) == 1 else b"".join(chunks),
        )

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


def _size(headers: dict[str, str]) -> int:
    return sum(map(len, headers)) + sum(map(len, headers.values()))
