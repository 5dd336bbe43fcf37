"""Every request of the commands that people run under roles of their own, recorded, and held to those roles' policies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.permissions.evaluate import Need, allows
from infra.permissions.people import APPROVAL
from infra.permissions.place import Role
from infra.permissions.policies import grants
from infra.permissions.recorded import needs_of_requests
from infra.permissions.requests import CALLS
from sagelens.aws.requests import Request
from sagelens.testing.recorder import Recorder
from tests.integration.pretended import BUCKET, PLACE, Pretended

GUARDED = {
    "strategy": [{"kind": "all-at-once"}],
    "alarms": [{"kind": "errors", "at_most": "1%"}],
    "minimum_invocations": 0,
    "keep": 1,
}
Sent = dict[str, list[Request]]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pretended]:
    pretended = Pretended(tmp_path_factory.mktemp("pretended"), clock="60x", deployment=GUARDED)
    pretended.client("s3").create_bucket(Bucket=BUCKET)
    yield pretended
    pretended.workspace.run("local", "stop")


@pytest.fixture(scope="module")
def sent(aws: Pretended) -> Sent:
    """Two models, each looked at, approved and deployed; then back, and the first is rejected."""
    noted: Sent = {"approver": [], "operator": []}
    for version, setting in (("1", "4"), ("2", "5")):
        trained = aws.run("run", "training", "--set", f"training.xgboost.max_depth={setting}")
        assert trained.code == 6, trained.err
        noted["approver"] += aws.requests("models", "list")
        noted["approver"] += aws.requests("models", "show", version)
        noted["approver"] += aws.requests("models", "approve", version, "--reason", "measured")
        deployed = aws.run("deploy", version)
        assert deployed.code == 0, deployed.err
    noted["operator"] += aws.requests("rollback", "flights", "--reason", "callers complain")
    noted["approver"] += aws.requests("models", "reject", "1", "--reason", "for the test")
    return noted


def missing(role: Role, requests: list[Request]) -> list[Need]:
    statements = [grant.statement() for grant in grants(role, PLACE)]
    return [
        need for need in needs_of_requests(requests, role, PLACE) if not any(allows(statement, need) for statement in statements)
    ]


@pytest.mark.parametrize("role", [Role.APPROVER, Role.OPERATOR])
def test_the_role_may_send_all_that_its_commands_send(sent: Sent, role: Role) -> None:
    assert missing(role, sent[role]) == []


@pytest.mark.parametrize("role", [Role.APPROVER, Role.OPERATOR])
def test_each_call_of_its_commands_is_reviewed_for_the_role(sent: Sent, role: Role) -> None:
    """A call that is new to a command fails here, until somebody has looked at it."""
    recorder = Recorder()
    recorder.requests += sent[role]

    reviewed = {call.method for call in CALLS if role in call.roles} | {"get_caller_identity"}
    assert recorder.methods - reviewed == set()


def test_neither_may_send_what_the_other_changes(sent: Sent) -> None:
    changes = ("Create", "Delete", "Put", "Update")

    for own, other in ((Role.APPROVER, Role.OPERATOR), (Role.OPERATOR, Role.APPROVER)):
        changing = [request for request in sent[own] if request.operation.startswith(changes)]
        assert changing
        for request in changing:
            assert missing(other, [request]), request.operation


def test_an_approval_changes_the_status_and_why_and_starts_nothing(sent: Sent) -> None:
    changing = [request for request in sent["approver"] if not request.operation.startswith(("Describe", "Get", "List"))]

    assert {request.operation for request in changing} == {"UpdateModelPackage"}
    assert {name for request in changing for name in request.parameters} - {"Body"} == {
        "ModelPackageArn",
        APPROVAL.partition(":")[2],
        "ApprovalDescription",
    }


def test_a_rollback_was_guarded_and_written_down(sent: Sent) -> None:
    operations = {request.operation for request in sent["operator"]}

    assert {"PutMetricAlarm", "DeleteAlarms", "UpdateEndpoint", "PutObject", "GetMetricData"} <= operations
    assert not operations & {"CreateModel", "StartPipelineExecution", "UpdatePipeline", "InvokeEndpoint"}


def test_the_requests_were_recorded_on_this_bucket(sent: Sent) -> None:
    buckets = {request.parameters["Bucket"] for role in sent for request in sent[role] if request.service == "s3"}

    assert buckets == {BUCKET}
