"""Clients that go silent, and a server that closes. The server's time stands still but for what a test lets pass."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.unit.local_core.front import MEGABYTE, invocation, serving, until

NEVER = 1e9  # s


def test_a_client_that_stops_in_the_middle_is_told_so() -> None:
    with serving(stalled=5, check=1, head=NEVER, body=NEVER) as front:
        client = front.connect().send(invocation()[:-1])
        front.wait_out(client.has_news, step=1)

        assert client.answer()[0] == 408
        front.wait_out(client.has_news, step=1)
        assert client.ended()


@pytest.mark.parametrize(("slow", "part"), [(b"POST /a HTTP/1.1\r\nlong: ", "head"), (invocation(bytes(1000))[:-999], "body")])
def test_a_client_that_dribbles_is_given_up_however_it_keeps_busy(slow: bytes, part: str) -> None:
    with serving(head=20, body=20, stalled=NEVER, check=1) as front:
        client = front.connect().send(slow)

        def given_up() -> bool:
            with suppress(ConnectionError):
                client.send(b"x")
            return not front.connections()

        until(lambda: bool(front.connections()))
        front.wait_out(given_up, step=1)

        status, _, told = client.answer()
        assert status == 408
        assert part.encode() in told


def test_a_connection_on_which_nobody_shows_the_key_is_closed_soon() -> None:
    with serving(head=5, check=1, idle=NEVER, stalled=NEVER) as front:
        known = front.connect()
        assert known.send(invocation()).answer()[0] == 200

        unknown = front.connect()
        front.wait_out(unknown.has_news, step=1)
        assert unknown.ended()
        assert known.send(invocation()).answer()[0] == 200


def test_a_client_that_stops_reading_is_given_up() -> None:
    with serving(stalled=5, check=1, idle=NEVER) as front:
        client = front.connect().send(invocation(endpoint="large") * 4)
        until(lambda: front.invoked[-1:] == [b"1,2"])
        front.wait_out(lambda: not front.connections(), step=1)

        assert client.drained() < 32 * MEGABYTE


def test_a_connection_that_nobody_uses_is_closed_but_not_one_that_waits_for_its_answer() -> None:
    with serving(idle=5, stalled=5, check=1) as front:
        idle = front.connect()
        assert idle.send(invocation()).answer()[0] == 200
        waiting = front.connect().send(invocation(b"long", endpoint="slow"))
        until(lambda: front.invoked[-1:] == [b"long"])
        front.wait_out(idle.has_news, step=1)
        assert idle.ended()
        front.go.set()
        assert waiting.answer()[2] == b"long"


def test_a_request_under_way_is_answered_when_the_server_closes() -> None:
    with serving(grace=5) as front:
        idle, half = front.connect(), front.connect().send(invocation()[:-1])
        assert idle.send(invocation()).answer()[0] == 200
        client = front.connect().send(invocation(b"a", endpoint="slow"))
        until(lambda: front.invoked[-1:] == [b"a"])
        front.end()
        assert idle.ended()
        assert half.ended()
        with pytest.raises(ConnectionError):
            front.connect().send(invocation()).answer()
        front.go.set()

        _, headers, body = client.answer()
        assert (headers["connection"], body) == ("close", b"a")
        assert client.ended()


def test_a_request_that_takes_too_long_for_a_closing_server_is_answered_all_the_same() -> None:
    with serving(grace=5) as front:
        client = front.connect().send(invocation(b"a", endpoint="slow"))
        until(lambda: front.invoked[-1:] == [b"a"])
        front.end()
        front.wait_out(client.has_news, step=1)

        status, _, body = client.answer()
        assert status == 503
        assert b"sagelens local start" in body
        assert client.ended()
