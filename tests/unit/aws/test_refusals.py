"""What AWS refuses, in plain words; and patience."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from sagelens.aws.refusals import check_account, patiently, refusal
from sagelens.aws.tracking import check_tracking
from sagelens.errors import BadConfig, BadInput, Refused, ServiceUnavailable

DENIED = (
    "User: arn:aws:sts::111122223333:assumed-role/ci/run is not authorized to perform: sagemaker:StartPipelineExecution "
    "on resource: arn:aws:sagemaker:eu-west-1:111122223333:pipeline/flights-training because no policy allows it"
)


def error(code: str, message: str = "no", status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Asked")  # type: ignore[typeddict-item]


def answers(*given: Exception | str) -> Callable[[], str]:
    left: Iterator[Exception | str] = iter(given)

    def ask() -> str:
        found = next(left)
        if isinstance(found, Exception):
            raise found
        return found

    return ask


def test_access_denied_names_the_action_the_role_and_the_resource() -> None:
    said = refusal(error("AccessDeniedException", DENIED))

    assert said is not None
    for word in ("assumed-role/ci/run", "sagemaker:StartPipelineExecution", "pipeline/flights-training"):
        assert word in said.message


def test_throttling_and_a_lost_connection_pass() -> None:
    slept: list[float] = []
    ask = answers(
        error("ThrottlingException"), EndpointConnectionError(endpoint_url="https://aws"), error("X", status=503), "here"
    )

    assert patiently(ask, "", sleep=slept.append) == "here"
    assert len(slept) == 3
    assert slept == sorted(slept)


def test_what_does_not_pass_says_how_to_go_on() -> None:
    with pytest.raises(ServiceUnavailable, match="sagelens follow x"):
        patiently(answers(*[error("Throttling")] * 20), "sagelens follow x", sleep=lambda _: None)


def test_expired_credentials_end_the_following_and_not_the_run() -> None:
    with pytest.raises(BadInput, match=r"expired.*goes on; sagelens follow x"):
        patiently(answers(error("ExpiredTokenException")), "sagelens follow x", sleep=lambda _: None)


def test_another_account_is_refused_before_anything_is_sent() -> None:
    class Sts:
        def get_caller_identity(self) -> dict[str, str]:
            return {"Account": "999999999999"}

    with pytest.raises(Refused, match=r"account 111122223333.*999999999999"):
        check_account(Sts(), "111122223333", "staging")


def test_a_managed_server_needs_its_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagelens.aws.tracking.find_spec", lambda name: None)

    check_tracking("https://mlflow.example.com")
    with pytest.raises(BadConfig, match=r"sagelens\[aws\]"):
        check_tracking("arn:aws:sagemaker:eu-west-1:111122223333:mlflow-tracking-server/flights")
