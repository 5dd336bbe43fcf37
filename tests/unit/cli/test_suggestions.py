"""Did you mean …? For every kind of name that a command takes, as for keys of the configuration."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sagelens.cli.commands.models import find_package
from sagelens.cli.commands.runs import step_of
from sagelens.cli.names import unknown_endpoint, unknown_run
from sagelens.deployment.rollback import choose_version
from sagelens.errors import BadInput, NotFound
from sagelens.pipeline.selection import select
from tests.unit.cli.conftest import record_of

ARN = "arn:aws:sagemaker:us-east-1:111122223333:model-package/flights"


class Pages:
    def __init__(self, **answer: Any) -> None:
        self._answer = answer

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [self._answer]


class SageMaker:
    """An account with two endpoints and two versions of a model."""

    def get_paginator(self, operation: str) -> Pages:
        if operation == "list_endpoints":
            return Pages(Endpoints=[{"EndpointName": "flights"}, {"EndpointName": "weather"}])
        versions = [
            {
                "ModelPackageArn": f"{ARN}/{n}",
                "ModelPackageVersion": n,
                "ModelApprovalStatus": "Approved",
                "CreationTime": datetime.now(UTC),
            }
            for n in (12, 11)
        ]
        return Pages(ModelPackageSummaryList=versions)


class Connection:
    sagemaker = SageMaker()

    class project:  # noqa: N801 - a connection's field
        class registration:  # noqa: N801 - a project's field
            model_package_group = "flights"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("abce", "There is no run 'abce'. Did you mean abcdefghijkl?"),
        ("abcdefghijlk", "There is no run 'abcdefghijlk'. Did you mean abcdefghijkl?"),
        ("lst", "There is no run 'lst'. Did you mean last?"),
        ("zzzz", "There is no run 'zzzz'. `sagelens runs` lists them; `last` is the newest."),
    ],
)
def test_a_run(given: str, said: str) -> None:
    assert unknown_run(given, ["abcdefghijkl", "mnopqrstuvwx"]).message.startswith(said)


def test_a_step_of_a_run() -> None:
    document = {"execution_id": "abc", "steps": [{"name": "prepare"}, {"name": "train"}]}

    with pytest.raises(NotFound, match=r"has no step 'trian'\. Did you mean train\?"):
        step_of(document, "trian")
    with pytest.raises(NotFound, match=r"Known: prepare, train\."):
        step_of(document, "xyz")


@pytest.mark.parametrize("option", ["first", "last", "only"])
def test_a_step_that_is_selected(option: str) -> None:
    definition = {"Steps": [{"Name": "prepare", "Arguments": {}}, {"Name": "train", "Arguments": {}}]}
    chosen: dict[str, Any] = {"first": None, "last": None, "only": None, option: "Train"}

    with pytest.raises(BadInput, match=r"Did you mean train\?"):
        select(definition, **chosen)


def test_an_endpoint() -> None:
    connection: Any = Connection()
    found = unknown_endpoint(connection, "flihgts")

    assert found is not None
    assert found.message.startswith("Endpoint 'flihgts' does not exist. Did you mean flights?")
    assert unknown_endpoint(connection, "weather") is None


@pytest.mark.parametrize(("given", "meant"), [("latst", "latest"), (f"{ARN}/13", f"{ARN}/1")])
def test_a_model(given: str, meant: str) -> None:
    connection: Any = Connection()

    with pytest.raises(NotFound, match=f"Did you mean {meant}.*It has the versions: 12, 11"):
        find_package(connection, given)


def test_a_version_that_does_not_exist_is_like_no_other() -> None:
    connection: Any = Connection()

    with pytest.raises(NotFound, match=r"no model package '1'\. It has the versions: 12, 11\."):
        find_package(connection, "1")


def test_a_version_to_go_back_to() -> None:
    record = record_of()

    with pytest.raises(NotFound, match=rf"Did you mean {record.config}\?"):
        choose_version([record], serving="other", to=record.config[:-1] + "?")
