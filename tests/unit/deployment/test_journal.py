"""What the journal keeps, and what is chosen from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from sagelens.deployment import Event, EventKind, Journal, Outcome, Record, caller, choose_version, history
from sagelens.deployment.keep import kept_configs
from sagelens.errors import BadData, NotFound
from sagelens.testing.bucket import Bucket

KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
START = 1_767_225_600.0


def landed(number: int, **more: Any) -> Record:
    """Of version `number`; a higher one is later."""
    record = Record(
        endpoint="flights",
        config=f"flights-{number}",
        model=f"model-{number}",
        model_digest=f"{number}" * 64,
        model_version=str(number),
        started=START + 60 * number,
        outcome=Outcome.LANDED,
        serves=f"flights-{number}",
    )
    return replace(record, **more)


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def journal(bucket: Bucket) -> Journal:
    s3 = boto3.session.Session().client("s3", config=Config(s3={"addressing_style": "path"}), **KEYS)
    bucket.serve(s3)
    return Journal(s3, "b", "flights")


def test_records_come_back_whole_and_newest_first(journal: Journal) -> None:
    event = Event(kind=EventKind.ALARM, time=START, phase="canary", message="m", numbers={"x": 0.5}, alarms={"a": "ALARM"})
    first, second = landed(1, events=(event,), strategy=({"kind": "all-at-once"},)), landed(2, trial_configs=("t",))
    journal.put(second)
    journal.put(first)

    assert history("flights", bucket="b", s3=journal.s3) == [second, first]


def test_the_key_tells_when_it_began_and_what_was_to_serve(journal: Journal) -> None:
    assert journal.uri(landed(1)) == "s3://b/deployments/flights/20260101T000100Z-flights-1.json"


def test_what_lies_beside_a_record_is_not_one(journal: Journal, bucket: Bucket) -> None:
    journal.put(landed(1))
    bucket.objects["b/deployments/flights/20260101T000100Z-flights-1.observed.json"] = b"{}"
    bucket.objects["b/deployments/flights-eu/20260101T000100Z-flights-eu-1.json"] = b"{}"

    assert len(journal.keys()) == 1


@pytest.mark.parametrize("body", [b"{", b"{}", b"[]"])
def test_a_record_that_cannot_be_read_is_named(journal: Journal, bucket: Bucket, body: bytes) -> None:
    bucket.objects["b/deployments/flights/20260101T000100Z-flights-1.json"] = body

    with pytest.raises(BadData, match=r"20260101T000100Z-flights-1\.json is not a deployment's journal"):
        list(journal.records())


def test_a_record_that_is_replaced_while_it_is_read_is_read_again(journal: Journal, bucket: Bucket) -> None:
    record = landed(1)
    journal.put(record)
    whole, asked = bucket.objects[f"b/{record.key}"], 0

    def ask(request: Any, **_: Any) -> None:
        nonlocal asked
        asked += 1
        bucket.objects[f"b/{record.key}"] = whole if asked > 1 else whole[:100]

    journal.s3.meta.events.register_first("before-send.s3", ask)

    assert journal.read(record.key) == record
    assert asked == 2


def test_a_field_that_a_later_release_added_is_passed_over() -> None:
    assert Record.of_json({**landed(1).to_json(), "mood": "good"}) == landed(1)


GOOD = [landed(4), landed(3, outcome=Outcome.ROLLED_BACK), landed(2), landed(1)]


@pytest.mark.parametrize(
    ("serving", "to", "chosen"),
    [
        ("flights-4", None, "flights-2"),
        ("flights-9", None, "flights-4"),
        ("flights-2", None, "flights-4"),
        ("flights-4", "1", "flights-1"),
        ("flights-4", "v1", "flights-1"),
        ("flights-4", "flights-2", "flights-2"),
        ("flights-4", "222222", "flights-2"),
    ],
)
def test_a_version_is_chosen_among_the_good_ones(serving: str, to: str | None, chosen: str) -> None:
    assert choose_version(GOOD, serving=serving, to=to).config == chosen


@pytest.mark.parametrize("to", ["3", "4", "22", "nothing"])
def test_what_serves_or_never_landed_cannot_be_chosen(to: str) -> None:
    with pytest.raises(NotFound, match=rf"No good version '{to}' is in .*There: 2 \(flights-2\), 1 \(flights-1\)"):
        choose_version(GOOD, serving="flights-4", to=to)


def test_an_ab_test_that_stayed_is_no_version() -> None:
    with pytest.raises(NotFound, match="There: none"):
        choose_version([landed(1, serves="beside")], serving="x", to=None)


def test_the_last_good_configs_are_kept_each_once() -> None:
    records = [landed(4), landed(3, outcome=Outcome.FAILED), landed(2), landed(4), landed(1), landed(0)]

    assert kept_configs(records, 3) == ["flights-4", "flights-2", "flights-1"]


def test_who_deploys_is_the_user_and_the_identity_where_sts_tells_it() -> None:
    sts = boto3.session.Session().client("sts", **KEYS)
    arn = "arn:aws:sts::111122223333:assumed-role/deployer/ann"
    with Stubber(sts) as stub:
        stub.add_response("get_caller_identity", {"Arn": arn})
        stub.add_response("get_caller_identity", {"Arn": arn})
        stub.add_client_error("get_caller_identity", "AccessDenied")

        assert caller("ann", sts=sts) == f"ann ({arn})"
        assert caller("", sts=sts) == arn
        assert caller("ann", sts=sts) == "ann"
    assert caller("ann", sts=None) == "ann"
