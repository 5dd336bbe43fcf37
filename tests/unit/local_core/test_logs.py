"""Log files as CloudWatch shows them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.api import Api
from sagelens.local.clock import ScaledClock
from sagelens.local.logs import Logs
from sagelens.local.ports import ApiError, Document

GROUP = "/aws/sagemaker/ProcessingJobs"


class Client:
    def __init__(self, root: Path) -> None:
        self.root = root
        self._api = Api(Logs(root, account="000000000000", region="us-east-1").handlers(), "key", ScaledClock())

    def __call__(self, operation: str, **request: Any) -> Document:
        return asyncio.run(self._api.call(f"logs.{operation}", request))

    def write(self, stream: str, text: str, *, group: str = GROUP, written: float = 1000.0) -> None:
        path = self.root / group.strip("/") / stream
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(text)
        os.utime(path, (written, written))

    def messages(self, stream: str, **request: Any) -> list[str]:
        return [event["message"] for event in self("GetLogEvents", logGroupName=GROUP, logStreamName=stream, **request)["events"]]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def test_groups_and_streams_are_folders_and_files(client: Client) -> None:
    client.write("job-a/algo-1", "x\n", written=2000.0)
    client.write("job-b/algo-1", "x\n", written=1000.0)
    client.write("AllTraffic/i-1", "x\n", group="/aws/sagemaker/Endpoints/flights")
    (client.root / "service.log").write_text("not a stream")

    groups = [group["logGroupName"] for group in client("DescribeLogGroups")["logGroups"]]
    assert groups == ["/aws/sagemaker/Endpoints/flights", GROUP]
    assert len(client("DescribeLogGroups", logGroupNamePrefix=GROUP)["logGroups"]) == 1

    streams = client("DescribeLogStreams", logGroupName=GROUP)["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == ["job-a/algo-1", "job-b/algo-1"]
    latest = client("DescribeLogStreams", logGroupName=GROUP, orderBy="LastEventTime", descending=True, limit=1)
    assert latest["logStreams"][0]["logStreamName"] == "job-a/algo-1"
    assert latest["nextToken"]
    prefixed = client("DescribeLogStreams", logGroupName=GROUP, logStreamNamePrefix="job-b/")["logStreams"]
    assert [stream["logStreamName"] for stream in prefixed] == ["job-b/algo-1"]
    assert prefixed[0]["lastEventTimestamp"] == 1_000_000


def test_events_are_lines_with_their_times(client: Client) -> None:
    client.write("job", "first\n2026-01-01T00:00:00.500Z second\n  continued\n")

    events = client("GetLogEvents", logGroupName=GROUP, logStreamName="job", startFromHead=True)["events"]
    assert [(event["timestamp"], event["message"]) for event in events] == [
        (1_000_000, "first"),
        (1_767_225_600_500, "2026-01-01T00:00:00.500Z second"),
        (1_767_225_600_500, "  continued"),
    ]
    assert client.messages("job", startTime=1_000_001, limit=1, startFromHead=True) == ["2026-01-01T00:00:00.500Z second"]
    assert client.messages("job", endTime=1_000_001) == ["first"]


def test_a_growing_stream_is_followed_without_gaps(client: Client) -> None:
    client.write("job", "a\nb\n")
    how: dict[str, Any] = {"logGroupName": GROUP, "logStreamName": "job"}
    first = client("GetLogEvents", **how, startFromHead=True)
    nothing = client("GetLogEvents", **how, nextToken=first["nextForwardToken"])
    assert nothing["events"] == []
    assert nothing["nextForwardToken"] == first["nextForwardToken"]

    client.write("job", "c\n", written=2000.0)
    more = client("GetLogEvents", **how, nextToken=nothing["nextForwardToken"])
    assert [event["message"] for event in more["events"]] == ["c"]
    # The time of what was read once does not change when the file is written again.
    assert more["events"][0]["timestamp"] == first["events"][0]["timestamp"]


def test_without_a_token_the_latest_events_come_and_one_can_go_back(client: Client) -> None:
    client.write("job", "a\nb\nc\nd\n")
    latest = client("GetLogEvents", logGroupName=GROUP, logStreamName="job", limit=2)
    assert [event["message"] for event in latest["events"]] == ["c", "d"]
    assert client.messages("job", nextToken=latest["nextBackwardToken"], limit=5) == ["a", "b"]
    assert client.messages("job", nextToken=latest["nextForwardToken"]) == []


def test_a_large_stream_comes_a_megabyte_at_a_time_in_both_directions(client: Client) -> None:
    lines = [f"{number} {'x' * 90}" for number in range(40_000)]
    client.write("job", "\n".join([f"2026-01-01T00:00:00Z {lines[0]}", *lines[1:], ""]))
    how: dict[str, Any] = {"logGroupName": GROUP, "logStreamName": "job"}

    seen: list[str] = []
    answer = client("GetLogEvents", **how, startFromHead=True)
    while answer["events"]:
        assert len(answer["events"]) <= 10_000
        seen += [event["message"] for event in answer["events"]]
        answer = client("GetLogEvents", **how, nextToken=answer["nextForwardToken"])
    assert seen[1:] == lines[1:]

    answer = client("GetLogEvents", **how)
    back: list[str] = []
    while answer["events"]:
        back = [event["message"] for event in answer["events"]] + back
        answer = client("GetLogEvents", **how, nextToken=answer["nextBackwardToken"])
    assert back == seen


def test_a_line_without_end_makes_many_events(client: Client) -> None:
    client.write("job", "first\n" + "x" * 600_000 + "\nlast\n")

    assert [len(message) for message in client.messages("job", startFromHead=True)] == [5, 262_144, 262_144, 75_712, 4]
    assert client.messages("job", limit=1) == ["last"]


def test_a_page_has_the_time_of_the_line_before_it(client: Client) -> None:
    client.write("job", "2026-01-01T00:00:00Z a\nb\nc\n")
    how: dict[str, Any] = {"logGroupName": GROUP, "logStreamName": "job", "startFromHead": True}
    first = client("GetLogEvents", **how, limit=2)
    second = client("GetLogEvents", **how, nextToken=first["nextForwardToken"])

    assert [event["timestamp"] for event in second["events"]] == [1_767_225_600_000]


def test_events_before_the_time_asked_for_are_passed_over_page_by_page(client: Client) -> None:
    client.write("job", "2026-01-01T00:00:00Z old\n" + "x\n" * 700_000 + "2026-01-02T00:00:00Z new\n")
    how: dict[str, Any] = {"logGroupName": GROUP, "logStreamName": "job", "startTime": 1_767_300_000_000}
    first = client("GetLogEvents", **how, startFromHead=True)
    second = client("GetLogEvents", **how, nextToken=first["nextForwardToken"])

    assert first["events"] == []
    assert [event["message"] for event in second["events"]] == ["2026-01-02T00:00:00Z new"]


def test_a_line_that_is_being_written_is_held_back(client: Client) -> None:
    client.write("job", "whole\nhalf", written=1000.0)
    assert client.messages("job") == ["whole", "half"]
    (client.root / GROUP.strip("/") / "job").write_text("whole\nhalf")
    assert client.messages("job") == ["whole"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"logGroupName": "/aws/sagemaker/Nothing", "logStreamName": "job"}, "ResourceNotFoundException"),
        ({"logGroupName": GROUP, "logStreamName": "nothing"}, "ResourceNotFoundException"),
        ({"logGroupName": GROUP, "logStreamName": "../../../../outside"}, "InvalidParameterException"),
        ({"logGroupName": "/../", "logStreamName": "x"}, "InvalidParameterException"),
        ({"logGroupName": GROUP, "logStreamName": "../ProcessingJobs-of-others"}, "InvalidParameterException"),
        ({"logGroupName": GROUP, "logStreamName": "a" * 400}, "ResourceNotFoundException"),
        ({"logGroupName": GROUP, "logStreamName": "a/" * 200}, "ResourceNotFoundException"),
        ({"logGroupName": GROUP, "logStreamName": "."}, "ResourceNotFoundException"),
        ({"logGroupName": "/" + "a" * 400, "logStreamName": "x"}, "ResourceNotFoundException"),
        ({"logGroupName": GROUP, "logStreamName": "job", "nextToken": "made-up"}, "InvalidParameterException"),
        ({"logGroupName": GROUP, "logStreamName": "job", "nextToken": "f/²"}, "InvalidParameterException"),
        ({"logGroupName": GROUP, "logStreamName": "job", "nextToken": "f/" + "9" * 40}, "InvalidParameterException"),
        ({"logGroupName": GROUP, "logStreamName": "job", "nextToken": "b/-1"}, "InvalidParameterException"),
        ({"logStreamName": "job"}, "InvalidParameterException"),
    ],
)
def test_what_cannot_be_read_is_refused(client: Client, request_: dict[str, Any], code: str) -> None:
    client.write("job", "x\n")
    with pytest.raises(ApiError) as error:
        client("GetLogEvents", **request_)
    assert error.value.code == code
