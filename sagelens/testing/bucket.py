"""An S3 of one's own behind a real boto3 client: objects in memory, requests made and answers parsed by botocore."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

__all__ = ["Bucket"]

_HTTP_NOT_FOUND = 404
_MISSING = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>{}</Key></Error>"


class Bucket:
    """Answers PutObject, GetObject, DeleteObject and ListObjectsV2. `objects` holds bodies by `bucket/key`.

    `bucket = Bucket(); bucket.serve(client)`, with a client that addresses buckets by path.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.puts: list[str] = []

    def serve(self, client: Any) -> None:
        """Answer the requests of this client in place of the network."""
        client.meta.events.register("before-send.s3", self._answer)

    def _answer(self, request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        url = urlsplit(request.url)
        path = unquote(url.path).lstrip("/")
        body = request.body if isinstance(request.body, bytes | None) else request.body.read()
        if body and b"aws-chunked" in _text(request.headers.get("Content-Encoding")):
            body = _unchunked(body)
        status, body = self._handled(request.method, path, parse_qs(url.query), body or b"")
        return AWSResponse(request.url, status, {"content-length": str(len(body))}, _Raw(body))

    def _handled(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, bytes]:
        match method:
            case "PUT":
                self.objects[path] = body
                self.puts.append(path)
                return 200, b""
            case "DELETE":
                self.objects.pop(path, None)
                return 204, b""
            case "GET" if "list-type" in query:
                return 200, self._listing(path, query.get("prefix", [""])[0])
            case _ if path in self.objects:
                return 200, self.objects[path]
        return _HTTP_NOT_FOUND, _MISSING.format(escape(path)).encode()

    def _listing(self, bucket: str, prefix: str) -> bytes:
        keys = [path.partition("/")[2] for path in sorted(self.objects) if path.startswith(f"{bucket.rstrip('/')}/{prefix}")]
        listed = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys)
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>".encode()


def _text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value or "").encode()


def _unchunked(body: bytes) -> bytes:
    """What aws-chunked wraps: each part after a line with its length in hexadecimal, the last one empty."""
    parts, rest = [], body
    while rest:
        head, _, rest = rest.partition(b"\r\n")
        length = int(head.partition(b";")[0], 16)
        if not length:
            break
        parts.append(rest[:length])
        rest = rest[length + 2 :]
    return b"".join(parts)


class _Raw(io.BytesIO):
    """What botocore reads an answer from."""

    def stream(self, **_: Any) -> Any:
        yield self.read()
