"""Who comes in at a model server's door, over real sockets."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from sagelens.serving.door import Bounds, door

KEY = "a-key"
SHOWN = f"X-Sagelens-Key: {KEY}\r\n"


BOUNDS = Bounds(message=1024 * 1024)
BRIEF = Bounds(message=1024 * 1024, head_seconds=0.3, body_seconds=0.3)


class App:
    """Answers with the number of bytes that it was sent."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        body = str(size).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


def serve(test: Callable[[int, App], Awaitable[None]], key: str = KEY, bounds: Bounds = BOUNDS) -> None:
    async def run() -> None:
        app = App()
        config = uvicorn.Config(app, http=door(key, bounds), ws="none", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
                await asyncio.sleep(0.01)
            try:
                await test(listener.getsockname()[1], app)
            finally:
                server.should_exit = True
                await serving

    asyncio.run(run())


async def ask(port: int, sent: bytes, *, within: float = 60.0) -> tuple[int, bytes]:
    """The status and body of what is answered until the server closes or pauses; 0 for nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(within):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            return int(head.split()[1]), await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0, b""
    finally:
        writer.close()


def request(headers: str = SHOWN, *, path: str = "/invocations", method: str = "POST", host: str = "localhost") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n".encode()


@pytest.mark.parametrize("path", ["/ping", "/invocations", "/", "/%00"])
@pytest.mark.parametrize(
    "headers", ["", "X-Sagelens-Key: \r\n", "X-Sagelens-Key: another\r\n", f"X-Sagelens-Key: {KEY}x\r\n", f"Key: {KEY}\r\n"]
)
def test_whoever_does_not_know_the_key_gets_a_403_before_a_body_is_read(path: str, headers: str) -> None:
    async def test(port: int, app: App) -> None:
        status, body = await ask(port, request(f"{headers}Content-Length: 9999\r\n", path=path))

        assert (status, app.asked) == (403, 0)
        assert "InvokeEndpoint" in json.loads(body)["error"]

    serve(test)


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("127.0.0.1:8080", 200), ("[::1]:80", 200), ("rebound.example", 403), ("localhost.evil.example", 403)],
)
def test_a_name_that_is_not_of_this_machine_is_turned_away(host: str, status: int) -> None:
    async def test(port: int, _: App) -> None:
        assert (await ask(port, request(f"{SHOWN}Content-Length: 2\r\n", host=host) + b"ab"))[0] == status

    serve(test)


def test_without_a_key_everybody_is_answered_under_every_name() -> None:
    async def test(port: int, _: App) -> None:
        assert await ask(port, request("Content-Length: 2\r\n", host="model.internal") + b"ab") == (200, b"2")

    serve(test, key="")


@pytest.mark.parametrize(
    "head",
    [
        request(f"{SHOWN}A: {'a' * 70_000}\r\n"),
        request(SHOWN + "".join(f"A{number}: 1\r\n" for number in range(200))),
        request(path="/" + "a" * 70_000),
        b"POST / HTTP/1.1\r\nA: " + b"a" * 1_000_000,
    ],
    ids=["one header", "many headers", "path", "no end"],
)
@pytest.mark.parametrize("key", [KEY, ""])
def test_a_head_has_a_bound(head: bytes, key: str) -> None:
    async def test(port: int, app: App) -> None:
        assert (await ask(port, head))[0] == 431
        assert app.asked == 0

    serve(test, key)


def test_a_body_has_a_bound_however_it_is_sent() -> None:
    async def test(port: int, _: App) -> None:
        dribbled = request(f"{SHOWN}Transfer-Encoding: chunked\r\n") + b"1\r\na\r\n" * 100_000

        assert (await ask(port, dribbled))[0] == 413

    serve(test, bounds=Bounds(message=100_000))


def test_a_head_and_a_body_that_are_dribbled_are_given_up() -> None:
    async def test(port: int, _: App) -> None:
        for sent in (request()[:-2], request(f"{SHOWN}Content-Length: 10\r\n") + b"abc"):
            assert (await ask(port, sent))[0] == 408

    serve(test, bounds=BRIEF)


def test_a_request_that_is_sent_in_pieces_in_time_is_answered() -> None:
    async def test(port: int, _: App) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in (request(f"{SHOWN}Content-Length: 4\r\n")[:20], request(f"{SHOWN}Content-Length: 4\r\n")[20:], b"ab", b"cd"):
            writer.write(piece)
            await asyncio.sleep(0.05)

        assert (await reader.read(1000)).endswith(b"\r\n\r\n4")
        writer.write(request(f"{SHOWN}Content-Length: 0\r\n"))
        assert (await reader.read(1000)).endswith(b"\r\n\r\n0")
        writer.close()

    serve(test)


def test_a_connection_that_has_shown_the_key_needs_it_for_its_next_request_too() -> None:
    async def test(port: int, app: App) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(f"{SHOWN}Content-Length: 0\r\n"))
        await reader.read(1000)
        writer.write(request("Content-Length: 0\r\n"))

        assert (await reader.read(1000)).startswith(b"HTTP/1.1 403")
        assert app.asked == 1
        writer.close()

    serve(test)


def test_silent_connections_do_not_keep_out_whoever_knows_the_key() -> None:
    async def test(port: int, _: App) -> None:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]

        assert await ask(port, request(f"{SHOWN}Content-Length: 2\r\n") + b"ab") == (200, b"2")

        kept = [reader for reader, _ in silent if not reader.at_eof() and reader.exception() is None]
        assert len(kept) <= 20
        for _, writer in silent:
            writer.close()

    serve(test, bounds=Bounds(message=1024, strangers=20))


def test_a_body_of_a_stranger_is_not_kept() -> None:
    async def test(port: int, app: App) -> None:
        status, _ = await ask(port, request("Content-Length: 50000000\r\n") + b"a" * 50_000_000)

        assert (status, app.asked) == (403, 0)

    serve(test)
