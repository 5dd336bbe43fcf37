"""The API over raw sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tests.unit.local_core.front import KEY, MEGABYTE, Client, Front, invocation, until


def test_a_request_may_come_byte_by_byte(client: Client) -> None:
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in invocation(b"1,2"):
        client.send(bytes([byte]))

    assert client.answer()[::2] == (200, b"1,2")


def test_requests_sent_ahead_are_answered_in_order(front: Front, client: Client) -> None:
    front.go.clear()
    bodies = [f"{number}".encode() for number in range(50)]
    client.send(b"".join(invocation(body, endpoint="slow" if body == b"0" else "echo") for body in bodies))
    until(lambda: front.invoked[-1:] == [b"0"])
    front.go.set()

    assert [client.answer()[2] for _ in bodies] == bodies


def test_a_body_may_come_in_chunks(client: Client) -> None:
    client.send(invocation(b"3\r\n1,2\r\n2\r\n,3\r\n0\r\n\r\n", framing="Transfer-Encoding: chunked"))

    assert client.answer()[::2] == (200, b"1,2,3")


def test_a_body_that_is_too_large_is_refused_and_the_next_request_answered(client: Client) -> None:
    client.send(invocation(bytes(32 * MEGABYTE + 1)))
    client.send(invocation(b"next"))

    assert client.answer()[0] == 413
    assert client.answer()[::2] == (200, b"next")


def test_a_client_that_asks_first_hears_that_its_body_is_too_large(client: Client) -> None:
    client.send(invocation(b"", "Expect: 100-continue", framing=f"Content-Length: {32 * MEGABYTE + 1}"))

    assert client.answer()[0] == 413
    assert client.ended()


def test_a_client_that_asks_first_is_told_to_go_on(client: Client) -> None:
    client.send(invocation(b"", "Expect: 100-continue", framing="Content-Length: 3"))
    assert client.answer()[0] == 100

    assert client.send(b"1,2").answer()[::2] == (200, b"1,2")


def test_a_client_that_asks_first_waits_for_the_answers_before(front: Front, client: Client) -> None:
    front.go.clear()
    asking = invocation(b"", "Expect: 100-continue", framing="Content-Length: 3")
    client.send(invocation(b"first", endpoint="slow") + asking)
    until(lambda: front.invoked[-1:] == [b"first"])
    front.go.set()

    assert client.answer()[::2] == (200, b"first")
    assert client.answer()[0] == 100
    assert client.send(b"1,2").answer()[::2] == (200, b"1,2")


def test_what_is_not_http_is_answered_once_after_what_came_before(client: Client) -> None:
    client.send(invocation(b"good") + b"rubbish\r\n\r\n" + invocation(b"never"))

    assert client.answer()[::2] == (200, b"good")
    status, headers, body = client.answer()
    assert (status, headers["connection"]) == (400, "close")
    assert b"not HTTP/1.1" in body
    assert client.ended()


def test_a_client_that_still_sends_reads_that_it_was_refused(client: Client) -> None:
    client.send(b"rubbish\r\n\r\n")
    client.send(bytes(4 * MEGABYTE))

    assert client.answer()[0] == 400
    assert client.ended()


def test_a_client_that_leaves_in_the_middle_is_forgotten(front: Front) -> None:
    before = len(front.invoked)
    half = front.connect().send(invocation(bytes(100))[:-1])
    half.close()
    front.connect().send(invocation(b"reset")[:20]).reset()

    assert front.connect().send(invocation(b"after")).answer()[2] == b"after"
    assert front.invoked[before:] == [b"after"]


def test_a_client_that_ends_its_side_too_early_is_told(client: Client) -> None:
    client.send(invocation(bytes(100))[:-1])
    client.socket.shutdown(socket.SHUT_WR)

    status, _, body = client.answer()
    assert status == 400
    assert b"ended before it was complete" in body


def test_a_client_that_ended_its_side_gets_its_answer(client: Client) -> None:
    client.send(invocation(b"last"))
    client.socket.shutdown(socket.SHUT_WR)

    assert client.answer()[2] == b"last"
    assert client.ended()


@pytest.mark.parametrize("leave", [Client.close, Client.reset])
def test_what_a_client_began_goes_on_when_it_leaves(
    front: Front, leave: Callable[[Client], None], caplog: pytest.LogCaptureFixture
) -> None:
    front.go.clear()
    leaving = front.connect().send(invocation(b"left", endpoint="slow") + invocation(b"ahead"))
    until(lambda: front.invoked[-1:] == [b"left"])
    leave(leaving)
    front.go.set()

    assert front.connect().send(invocation(b"stayed")).answer()[2] == b"stayed"
    until(lambda: not front.busy())
    assert caplog.records == []


def test_a_connection_is_kept_after_errors(client: Client) -> None:
    assert client.send(invocation(endpoint="failing")).answer()[0] == 424
    assert client.send(invocation(endpoint="under_score")).answer()[0] == 400
    assert client.send(b"GET / HTTP/1.1\r\n\r\n").answer()[0] == 404
    assert client.send(invocation(b"fine")).answer()[2] == b"fine"


def keyless(body: bytes = b"1,2", *more: str, **framing: str) -> bytes:
    return invocation(body, *more, **framing).replace(KEY.encode(), b"OTHER")


@pytest.mark.parametrize("framing", ["Content-Length: 33554432", "Transfer-Encoding: chunked"])
def test_who_has_not_the_key_is_refused_before_a_body_comes(client: Client, framing: str) -> None:
    status, headers, body = client.send(keyless(b"", framing=framing)).answer()

    assert (status, headers["connection"]) == (403, "close")
    assert b"security token" in body


def test_who_has_not_the_key_is_not_asked_to_go_on(client: Client) -> None:
    client.send(keyless(b"", "Expect: 100-continue", framing="Content-Length: 3"))

    assert client.answer()[0] == 403


def test_nothing_is_read_after_a_body_without_the_key(front: Front, client: Client) -> None:
    before = len(front.invoked)
    client.send(keyless(b"1,2") + invocation(b"after"))

    assert client.answer()[0] == 403
    assert client.ended()
    assert front.invoked[before:] == []


def test_who_has_not_the_key_may_send_all_it_has_and_reads_that_it_was_refused(client: Client) -> None:
    client.send(keyless(bytes(8 * MEGABYTE)))

    assert client.answer()[0] == 403
    assert client.ended()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("X-Amz-Target: SageMaker.ListModels", b'"__type": "UnrecognizedClientException"'),
        ("X-Amz-Target: GraniteServiceVersion20100801.ListMetrics", b'"__type": "UnrecognizedClientException"'),
        ("Content-Type: application/x-www-form-urlencoded; charset=utf-8", b"<Code>UnrecognizedClientException</Code>"),
        ("X-Amz-Target: Nobody.Knows", b"sagelens local env"),
    ],
)
def test_a_client_without_the_key_is_told_so_in_its_own_protocol(client: Client, kind: str, told: bytes) -> None:
    client.send(f"POST / HTTP/1.1\r\nHost: a\r\n{kind}\r\nContent-Length: 4000000\r\n\r\n".encode())

    assert told in client.answer()[2]


@pytest.mark.parametrize(
    "authorization",
    [
        b"AWS4-HMAC-SHA256 " + b"Credential=" * 5900,
        b"AWS4-HMAC-SHA256 " + b" " * 65000,
        b"AWS4-HMAC-SHA256 Credential=" + b"a" * 65000,
    ],
)
def test_the_longest_header_takes_no_time(front: Front, client: Client, authorization: bytes) -> None:
    began = front.worked()
    client.send(b"POST / HTTP/1.1\r\nX-Amz-Target: SageMaker.ListModels\r\nAuthorization: " + authorization)
    client.send(b"\r\nContent-Length: 2\r\n\r\n{}")

    assert client.answer()[0] == 403
    assert front.worked() - began < 2.0  # it took 14 seconds


def test_many_connections_without_the_key_take_no_place_from_one_with_it(front: Front) -> None:
    idle = [front.connect() for _ in range(600)]

    assert front.connect().send(invocation(b"mine")).answer()[2] == b"mine"
    until(lambda: len(front.connections()) < 300)
    assert idle[0].drained() == 0


def test_a_connection_that_has_shown_the_key_outlives_those_that_have_not(front: Front, client: Client) -> None:
    client.send(invocation(b"first")).answer()
    for _ in range(300):
        front.connect()

    assert client.send(invocation(b"second")).answer()[2] == b"second"


def test_who_sends_many_requests_ahead_keeps_nobody_waiting(front: Front, client: Client) -> None:
    client.send(invocation(b"ahead") * 1000)
    other = front.connect()
    assert other.send(invocation(b"other")).answer()[2] == b"other"

    assert [client.answer()[2] for _ in range(1000)] == [b"ahead"] * 1000


def test_a_client_that_wants_its_connection_closed_is_obeyed(client: Client) -> None:
    _, headers, body = client.send(invocation(b"last", "Connection: close")).answer()

    assert (headers["connection"], body) == ("close", b"last")
    assert client.ended()


def test_head_has_no_body(client: Client) -> None:
    status, headers, _ = client.send(b"HEAD / HTTP/1.1\r\n\r\n").answer(bodiless=True)
    assert status == 404
    assert int(headers["content-length"]) > 0
    assert client.send(invocation(b"next")).answer()[2] == b"next"


def test_a_client_that_does_not_read_holds_up_nobody(front: Front) -> None:
    lazy = front.connect().send(invocation(endpoint="large") * 4)
    assert front.connect().send(invocation(b"other")).answer()[2] == b"other"

    assert [len(lazy.answer()[2]) for _ in range(4)] == [8 * MEGABYTE] * 4


@pytest.mark.parametrize("sent", [invocation(endpoint="large"), b"rubbish\r\n\r\n", b"HEAD / HTTP/1.1\r\n\r\n"])
def test_every_answer_tells_the_time_of_the_services_clock(client: Client, sent: bytes) -> None:
    _, headers, _ = client.send(sent).answer(bodiless=True)

    assert headers["date"] == "Fri, 01 Jan 2100 00:00:00 GMT"
    assert headers["x-sagelens-clock"] == "60x"


def test_more_than_there_is_room_for_is_refused_even_with_the_key(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    before, body = front._server.held, bytes(3 * MEGABYTE)
    monkeypatch.setattr(front._server, "most_held", 8 * MEGABYTE)
    clients = [front.connect() for _ in range(3)]
    for client in clients:
        client.send(invocation(b"", framing=f"Content-Length: {len(body)}") + body[:-1])

    assert clients[2].answer()[0] == 429
    assert clients[0].send(b"x").answer()[0] == 200
    assert front.connect().send(invocation(b"small")).answer()[2] == b"small"
    clients[1].close()
    until(lambda: front._server.held <= before)
