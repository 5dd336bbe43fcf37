"""The client for model servers, against a server that says what each test wants."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import pytest

from sagelens.local.endpoints.http import Answer, Broken, HttpClient, Unreachable, head_of

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GET = head_of("GET", "/", (), 0)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def ask(serve: Serve, times: int = 1, body: bytes = b"", pause: float = 0.0) -> tuple[list[Answer], int]:
    """The answers to that many requests, one after the other, and the number of connections made."""
    return asyncio.run(_ask(serve, times, body, pause))


async def _ask(serve: Serve, times: int, body: bytes, pause: float) -> tuple[list[Answer], int]:
    connections = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await serve(reader, writer)

    async with await asyncio.start_server(counted, "127.0.0.1", 0) as server:
        client = HttpClient(server.sockets[0].getsockname()[1])
        answers = []
        try:
            for _ in range(times):
                answers.append(await client.request(head_of("POST", "/", (), len(body)), body, timeout=60.0))
                await asyncio.sleep(pause)
        finally:
            client.close()
            await asyncio.sleep(0.01)
        return answers, connections


def saying(answer: bytes, *, then_close: bool = False) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            writer.write(answer)
            await writer.drain()
            if then_close:
                break
        writer.close()

    return serve


def test_a_connection_is_kept_for_the_next_request() -> None:
    answers, connections = ask(saying(OK), times=5)

    assert [answer.body for answer in answers] == [b"ok"] * 5
    assert connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nonetwo",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nonetwo",
    ],
)
def test_every_way_to_end_a_body_is_understood(answer: bytes) -> None:
    answers, _ = ask(saying(answer, then_close=True))

    assert answers[0].status == 200
    assert answers[0].body == b"onetwo"


def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    answers, connections = ask(saying(OK, then_close=True), times=3, pause=0.02)

    assert len(answers) == 3
    assert connections == 3


def test_an_end_before_the_answer_is_an_error_since_the_model_may_have_seen_the_request() -> None:
    with pytest.raises(Broken, match="before it answered"):
        ask(saying(b"", then_close=True))


def test_half_an_answer_is_an_error() -> None:
    with pytest.raises(Broken):
        ask(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", then_close=True))


def test_a_reset_means_that_the_request_was_not_read() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        await reader.read(1)
        writer.transport.abort()

    with pytest.raises(Unreachable, match="before it had read the request"):
        ask(serve)


def test_a_connection_that_was_closed_unnoticed_has_taken_the_request_to_nobody() -> None:
    listener, closing, closed = socket.create_server(("127.0.0.1", 0)), threading.Event(), threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with listener, connection:
            connection.recv(65536)
            connection.sendall(OK)
            closing.wait(60)
        closed.set()

    async def scenario() -> None:
        client = HttpClient(listener.getsockname()[1])
        await client.request(GET, b"", timeout=60.0)
        closing.set()
        assert closed.wait(60)  # the loop stands still meanwhile and hears nothing
        await client.request(GET, b"", timeout=60.0)

    threading.Thread(target=serve).start()
    with pytest.raises(Unreachable, match="closed the connection before the request was sent"):
        asyncio.run(scenario())


def test_rubbish_is_an_error() -> None:
    with pytest.raises(Broken, match="is not HTTP"):
        ask(saying(b"hello\r\n\r\n"))


def test_no_answer_in_time_is_a_timeout() -> None:
    ended = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.read()
        await _closed(writer)
        ended.set()

    async def ask_twice() -> None:
        async with await asyncio.start_server(once, "127.0.0.1", 0) as server:
            client = HttpClient(server.sockets[0].getsockname()[1])
            await client.request(GET, b"", timeout=60.0)  # connected once, it cannot be that no connection is taken in time
            with pytest.raises(TimeoutError):
                await client.request(GET, b"", timeout=0.1)
            client.close()
            await ended.wait()

    asyncio.run(ask_twice())


def test_an_answer_that_comes_too_late_is_nobody_elses() -> None:
    async def ask_in_turn() -> bytes:
        given_up, answered = asyncio.Event(), asyncio.Event()
        handlers: set[asyncio.Task[Any]] = set()

        async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            handlers.add(asyncio.current_task())  # type: ignore[arg-type]
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while asked := await reader.readuntil(b"\r\n\r\n"):
                    if asked.startswith(b"GET /late"):
                        await given_up.wait()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(asked), asked))
                    if asked.startswith(b"GET /late"):
                        answered.set()
            await _closed(writer)

        async with await asyncio.start_server(late, "127.0.0.1", 0) as server:
            client = HttpClient(server.sockets[0].getsockname()[1])
            await client.request(head_of("GET", "/first", (), 0), b"", timeout=60.0)  # the connection that is used again
            with pytest.raises(TimeoutError):
                await client.request(head_of("GET", "/late", (), 0), b"", timeout=0.1)
            given_up.set()
            await answered.wait()
            answer = await client.request(head_of("GET", "/second", (), 0), b"", timeout=60.0)
            client.close()
            await asyncio.gather(*handlers)
            return answer.body

    assert asyncio.run(ask_in_turn()).startswith(b"GET /second")


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


def test_a_server_that_takes_no_connections_is_unreachable() -> None:
    async def unheard(port: int) -> None:
        await HttpClient(port).request(GET, b"", timeout=0.05)

    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        stack.enter_context(socket.create_connection(listener.getsockname()))
        with pytest.raises(Unreachable, match="took no connection"):
            asyncio.run(unheard(listener.getsockname()[1]))


def test_nobody_listening_is_unreachable() -> None:
    async def lonely() -> None:
        await HttpClient(1).request(GET, b"", timeout=60.0)

    with pytest.raises(Unreachable, match="nothing answers on port 1"):
        asyncio.run(lonely())


def test_a_line_break_in_a_value_does_not_make_a_header() -> None:
    head = head_of("POST", "/", [("Accept", "a\r\nEvil: 1"), ("Content-Type", "text/csv")], 0)

    assert b"Evil" not in head
    assert b"Content-Type: text/csv" in head
