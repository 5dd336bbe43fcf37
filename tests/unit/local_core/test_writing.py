"""The heads of answers."""

from __future__ import annotations

import asyncio

from sagelens.local.api.protocol import HttpAnswer
from sagelens.local.api.writing import Writer
from sagelens.testing import DrivenClock


def lines(answer: HttpAnswer, clock: DrivenClock, *, last: bool = False) -> list[str]:
    head = Writer(clock).head(answer, last=last).decode("latin-1")
    assert head.endswith("\r\n\r\n")
    return head.removesuffix("\r\n\r\n").split("\r\n")


def test_a_head_says_all_that_a_client_needs() -> None:
    answer = HttpAnswer(status=424, content_type="text/csv", body=b"1,2", headers={"x-kept": "v"}, request_id="id")

    assert lines(answer, DrivenClock()) == [
        "HTTP/1.1 424 Failed Dependency",
        "date: Thu, 01 Jan 2026 00:00:00 GMT",
        "x-sagelens-clock: driven",
        "content-type: text/csv",
        "content-length: 3",
        "x-amzn-requestid: id",
        "x-kept: v",
    ]


def test_the_last_answer_on_a_connection_says_so() -> None:
    assert lines(HttpAnswer(content_type="text/csv", body=b""), DrivenClock(), last=True)[-1] == "connection: close"


def test_a_break_inside_a_value_does_not_begin_another_header() -> None:
    answer = HttpAnswer(content_type="text/csv\r\nevil: 1", body=b"", headers={"x-kept": "a\nevil: 2", "x-other": "b\revil: 3"})

    head = lines(answer, DrivenClock())
    assert not [line for line in head if line.startswith("evil") or "\n" in line or "\r" in line]
    assert head[3] == "content-type: text/csv  evil: 1"


def test_the_date_follows_the_clock() -> None:
    async def drive() -> list[bytes]:
        clock = DrivenClock()
        writer, answer = Writer(clock), HttpAnswer(content_type="text/csv", body=b"")
        heads = [writer.head(answer, last=False)]
        for seconds in (0.5, 0.5, 3600):
            await clock.advance(seconds)
            heads.append(writer.head(answer, last=False))
        return heads

    dates = [head.split(b"\r\n")[1][-12:] for head in asyncio.run(drive())]
    assert dates == [b"00:00:00 GMT", b"00:00:00 GMT", b"00:00:01 GMT", b"01:00:01 GMT"]
