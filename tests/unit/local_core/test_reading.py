"""Requests read from bytes that arrive in any pieces."""

from __future__ import annotations

import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelens.local.api.protocol import HttpRequest
from sagelens.local.api.reading import LARGEST_BODY, LARGEST_HEAD, MOST_HEADERS, Reader, Refusal

TARGETS = st.sampled_from(["/", "/endpoints/e/invocations", "/a%2Fb"])
NAMES = st.from_regex(r"x-[a-z]{1,8}", fullmatch=True)
VALUES = st.from_regex(r"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True)
BODIES = st.binary(max_size=200)


def plain(request: HttpRequest) -> bytes:
    return _head(request, f"content-length: {len(request.body)}") + request.body


def chunked(request: HttpRequest) -> bytes:
    """In chunks of 7 bytes."""
    parts = [request.body[start : start + 7] for start in range(0, len(request.body), 7)]
    chunks = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)
    return _head(request, "transfer-encoding: chunked") + chunks + b"0\r\n\r\n"


def _head(request: HttpRequest, framing: str) -> bytes:
    lines = [f"{request.method} {request.target}?query HTTP/1.1", framing]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in request.headers.items())]).encode() + b"\r\n\r\n"


@st.composite
def requests(draw: st.DrawFn) -> HttpRequest:
    return HttpRequest(
        method=draw(st.sampled_from(["POST", "PUT"])),
        target=draw(TARGETS),
        headers=draw(st.dictionaries(NAMES, VALUES, max_size=4)),
        body=draw(BODIES),
    )


def read(*pieces: bytes) -> list[HttpRequest | Refusal]:
    reader = Reader()
    for piece in pieces:
        reader.feed(piece)
    return list(reader.waiting)


def split(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(
    st.lists(st.tuples(requests(), st.sampled_from([plain, chunked])), min_size=1, max_size=4),
    st.lists(st.integers(0, 4000), max_size=12),
)
def test_requests_come_out_as_they_were_sent_however_the_bytes_were_cut(sent: list, places: list[int]) -> None:
    found = read(*split(b"".join(written(request) for request, written in sent), places))

    assert [(each.method, each.target, each.body) for each in found] == [
        (request.method, request.target, request.body) for request, _ in sent
    ]
    for each, (request, _) in zip(found, sent, strict=True):
        assert request.headers.items() <= each.headers.items()


@given(st.lists(st.binary(max_size=60), max_size=5), st.booleans())
def test_rubbish_is_refused_once_and_ends_the_reading(pieces: list[bytes], begun: bool) -> None:
    found = read(*([b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n"] if begun else []), *pieces)

    refusals = [each for each in found if isinstance(each, Refusal)]
    assert len(refusals) <= 1
    assert refusals == [] or found[-1] is refusals[0]


@given(requests(), st.integers(0, 4000))
def test_the_start_of_a_request_is_no_request(request: HttpRequest, length: int) -> None:
    whole = plain(request)

    assert read(whole[: length % len(whole)]) == []


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\na : b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 3\r\n\r\nabc", 400),
        (b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nexpect: a miracle\r\ncontent-length: 3\r\n\r\nabc", 417),
        (b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n" % (LARGEST_BODY + 1), 413),
        (b"GET / HTTP/1.1\r\nlong: " + b"x" * LARGEST_HEAD + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * LARGEST_HEAD + b" HTTP/1.1\r\n\r\n", 431),
    ],
)
def test_what_is_not_spoken_is_refused_whole_or_in_pieces(data: bytes, status: int) -> None:
    for pieces in ([data], [data[:10], data[10:]], [data[start : start + 999] for start in range(0, len(data), 999)]):
        found = read(*pieces, b"GET / HTTP/1.1\r\n\r\n")
        assert [each.status for each in found if isinstance(each, Refusal)] == [status]
        assert len(found) == 1


@pytest.mark.parametrize("cut", [10_000, 1000])
def test_a_head_with_too_many_headers_is_refused(cut: int) -> None:
    head = b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: v\r\n" % number for number in range(MOST_HEADERS + 1)) + b"\r\n"
    found = read(*(head[start : start + cut] for start in range(0, len(head), cut)))

    assert [each.status for each in found if isinstance(each, Refusal)] == [431]


def test_small_chunks_take_no_more_room_than_their_bytes() -> None:
    reader = Reader()
    reader.feed(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n")
    tracemalloc.start()
    for _ in range(100):
        reader.feed(b"2\r\nab\r\n" * 2000)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 2_000_000  # of 400,000 bytes


@pytest.mark.parametrize("beside", [b"1;" + b"x" * 100_000, b"1\r\na\r\n" * 20_000, b"0\r\ntrailer: " + b"x" * 100_000])
def test_what_chunks_bring_beside_the_body_is_bounded(beside: bytes) -> None:
    reader = Reader()
    reader.feed(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + beside)
    for _ in range(60):
        reader.feed(beside if beside[1:2] == b"\r" and beside[:1] == b"1" else b"x" * 100_000)

    assert [each.status for each in reader.waiting if isinstance(each, Refusal)] in ([413], [431])
    assert reader.ended


def test_a_request_that_is_not_admitted_is_handed_on_without_its_body() -> None:
    reader = Reader(lambda headers: headers.get("key") == "mine")
    reader.feed(b"POST /a HTTP/1.1\r\nkey: other\r\ncontent-length: 5\r\n\r\n12")

    (found,) = reader.waiting
    assert isinstance(found, HttpRequest)
    assert (found.target, found.body) == ("/a", b"")
    assert (reader.turned_away, reader.ended, reader.admitted) == (True, True, False)


def test_many_requests_without_the_key_are_not_even_parsed() -> None:
    reader = Reader(lambda headers: False)
    began = time.thread_time()
    reader.feed(b"GET / HTTP/1.1\r\n\r\n" * 14_000)

    assert len(reader.waiting) == 2
    assert reader.turned_away
    assert time.thread_time() - began < 0.05


def test_many_requests_with_the_key_are_all_read() -> None:
    reader = Reader(lambda headers: headers.get("key") == "mine")
    reader.feed(b"GET / HTTP/1.1\r\nkey: mine\r\n\r\n" * 14_000)

    assert len(reader.waiting) == 14_000


def test_a_head_that_never_ends_is_not_kept() -> None:
    reader = Reader()
    reader.feed(b"GET / HTTP/1.1\r\nlong: ")
    for _ in range(LARGEST_HEAD // 1000 + 1):
        reader.feed(b"x" * 1000)

    assert [each.status for each in reader.waiting if isinstance(each, Refusal)] == [431]
    assert reader.ended


def test_what_comes_after_a_body_does_not_change_what_was_said_before() -> None:
    first = (
        b"POST / HTTP/1.1\r\nauthorization: mine\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nauthorization: other\r\n\r\n"
    )
    found = read(first + b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n")

    assert [each.headers.get("authorization") for each in found if isinstance(each, HttpRequest)] == ["mine", None]


def test_after_a_body_that_was_too_large_the_next_request_is_read() -> None:
    reader = Reader()
    reader.feed(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(33):
        reader.feed(b"%x\r\n%s\r\n" % (1024 * 1024, bytes(1024 * 1024)))
    reader.feed(b"0\r\n\r\nGET /next HTTP/1.1\r\n\r\n")

    refused, following = reader.waiting
    assert isinstance(refused, Refusal)
    assert refused.status == 413
    assert isinstance(following, HttpRequest)
    assert following.target == "/next"


def test_nothing_is_read_after_a_request_that_closes_the_connection() -> None:
    found = read(b"GET /a HTTP/1.1\r\nconnection: close\r\n\r\nGET /b HTTP/1.1\r\n\r\n")

    assert [each.target for each in found if isinstance(each, HttpRequest)] == ["/a"]
    assert len(found) == 1


def test_a_request_that_waits_for_leave_to_send_its_body_says_so() -> None:
    reader = Reader()
    reader.feed(b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n")
    assert reader.expects
    reader.feed(b"x")
    assert not reader.expects
    assert len(reader.waiting) == 1
