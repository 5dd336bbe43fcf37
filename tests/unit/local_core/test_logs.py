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
        ({"logGroupName": GROUP, "logStreamName": "job", "nextToken": "made-up"}, "InvalidParameterException"),
        ({"logStreamName": "job"}, "InvalidParameterException"),
    ],
)
def test_what_cannot_be_read_is_refused(client: Client, request_: dict[str, Any], code: str) -> None:
    client.write("job", "x\n")
    with pytest.raises(ApiError) as error:
        client("GetLogEvents", **request_)
    assert error.value.code == code
