"""Grants, and whether they are just enough. infra/tests asks the same of the templates that CDK makes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from infra.permissions.evaluate import Need, allows, missing, unexplained
from infra.permissions.grant import Grant, Reason
from infra.permissions.place import Place, Purpose, Role
from infra.permissions.policies import grants
from infra.permissions.requests import needs_of_code
from infra.permissions.service import needs_of_services
from infra.settings import BadSettings, load

SETTINGS = load()
PLACES = [
    Place(SETTINGS, environment, {purpose: f"arn:aws:kms:x:{environment.account}:key/{purpose}" for purpose in Purpose})
    for environment in SETTINGS.environments
]

OPERATOR_NEVER = (
    ("sagemaker:UpdateModelPackage", PLACES[0].sagemaker("model-package/flights/1")),
    ("sagemaker:CreateModel", PLACES[0].sagemaker("model/flights-0123456789ab-012345")),
    ("sagemaker:StartPipelineExecution", PLACES[0].sagemaker("pipeline/flights-training")),
    ("sagemaker:CreateTrainingJob", PLACES[0].sagemaker("training-job/pipelines-x")),
    ("sagemaker:InvokeEndpoint", PLACES[0].sagemaker("endpoint/flights")),
    ("sagemaker:UpdateEndpoint", PLACES[0].sagemaker("endpoint/another")),
    ("sagemaker:UpdateEndpoint", PLACES[0].sagemaker("endpoint/flights-staging-0123456789ab")),
    ("sagemaker:CreateEndpoint", PLACES[0].sagemaker("endpoint/flights-staging-0123456789ab")),
    ("sagemaker:DeleteEndpointConfig", PLACES[0].sagemaker("endpoint-config/another-0123456789ab")),
    ("cloudwatch:DeleteAlarms", PLACES[0].arn("cloudwatch", "alarm:sagelens-flights-latency")),
    ("s3:GetObject", PLACES[0].objects("raw/flights/x.parquet")),
    ("s3:PutObject", PLACES[0].objects("flights-training/x/model")),
    ("s3:PutObject", PLACES[0].objects("deployments/another/x.json")),
    ("s3:DeleteObject", PLACES[0].objects("deployments/flights/x.json")),
    ("iam:PassRole", PLACES[0].role_arn(Role.ENDPOINT)),
)
APPROVER_NEVER = (
    ("sagemaker:UpdateModelPackage", PLACES[0].sagemaker("model-package/another/1")),
    ("sagemaker:CreateModelPackage", PLACES[0].sagemaker("model-package/flights/1")),
    ("sagemaker:DeleteModelPackage", PLACES[0].sagemaker("model-package/flights/1")),
    ("sagemaker:StartPipelineExecution", PLACES[0].sagemaker("pipeline/flights-deployment")),
    ("sagemaker:UpdatePipeline", PLACES[0].sagemaker("pipeline/flights-deployment")),
    ("sagemaker:UpdateEndpoint", PLACES[0].sagemaker("endpoint/flights")),
    ("s3:PutObject", PLACES[0].objects("flights-training/x/model")),
    ("s3:GetObject", PLACES[0].objects("raw/flights/x.parquet")),
    ("kms:GenerateDataKey", PLACES[0].keys[Purpose.DATA]),
    ("iam:PassRole", PLACES[0].role_arn(Role.EXECUTION)),
)


def policies(place: Place) -> dict[str, list[dict[str, Any]]]:
    return {role: [grant.statement() for grant in grants(role, place)] for role in Role}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.environment.name)
def test_every_role_may_do_what_it_needs_and_nothing_else(place: Place) -> None:
    needs = [*needs_of_code(place), *needs_of_services(place)]

    assert missing(needs, policies(place)) == []
    assert unexplained(needs, policies(place)) == []


def test_a_grant_that_is_taken_away_is_missed() -> None:
    place = PLACES[0]
    without = {
        role: [{**s, "Action": [a for a in s["Action"] if a != "sagemaker:UpdateEndpoint"]} for s in statements]
        for role, statements in policies(place).items()
    }

    lost = missing(needs_of_code(place), without)

    assert {(need.role, need.source) for need in lost} == {
        (role, "sagelens/deployment/follow.py") for role in ("deployment", "operator")
    }


def test_a_grant_too_many_is_found() -> None:
    place = PLACES[0]
    more = policies(place)
    more[Role.TRAINING].append({"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": place.objects("*")})

    assert unexplained(needs_of_services(place), {Role.TRAINING: more[Role.TRAINING]}) == [
        ("training", "s3:DeleteObject", place.objects("*"))
    ]


@pytest.mark.parametrize(
    ("role", "action", "resource"),
    [
        (Role.TRAINING, "s3:PutObject", PLACES[0].objects("deployments/flights/x.json")),
        (Role.PROCESSING, "sagemaker:UpdateEndpoint", PLACES[0].sagemaker("endpoint/flights")),
        (Role.REGISTRATION, "sagemaker:CreateEndpoint", PLACES[0].sagemaker("endpoint/flights")),
        (Role.DEPLOYMENT, "sagemaker:UpdateModelPackage", PLACES[0].sagemaker("model-package/flights/1")),
        (Role.DEPLOYMENT, "sagemaker:UpdateEndpoint", PLACES[0].sagemaker("endpoint/another")),
        (Role.CI, "sagemaker:UpdateModelPackage", PLACES[0].sagemaker("model-package/flights/1")),
        (Role.CI, "s3:PutObject", PLACES[0].objects("deployments/flights/x.json")),
        (Role.ENDPOINT, "s3:GetObject", PLACES[0].objects("raw/flights/x.parquet")),
        (Role.ENDPOINT, "s3:GetObject", PLACES[1].objects("flights-training/x/model")),
        *((Role.OPERATOR, action, resource) for action, resource in OPERATOR_NEVER),
        *((Role.APPROVER, action, resource) for action, resource in APPROVER_NEVER),
    ],
)
def test_a_role_may_not_do_the_work_of_another(role: Role, action: str, resource: str) -> None:
    status = {"sagemaker:ModelApprovalStatus": "Approved"}
    wanted = Need(role=role, action=action, resource=resource, source="test", context=status)

    assert not any(allows(statement, wanted) for statement in policies(PLACES[0])[role])


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.environment.name)
def test_people_approve_where_the_environment_says_so_and_what_trains_does_not(place: Place) -> None:
    automatic = place.environment.approval == "automatic"

    def may(role: Role, call: str, status: str) -> bool:
        package = place.sagemaker("model-package/flights/1")
        context = {"sagemaker:ModelApprovalStatus": status} if status else {}
        wanted = Need(role=role, action=f"sagemaker:{call}ModelPackage", resource=package, source="test", context=context)
        return any(allows(statement, wanted) for statement in policies(place)[role])

    assert automatic == (place.environment.name == "dev")
    assert may(Role.REGISTRATION, "Create", "PendingManualApproval")
    assert may(Role.REGISTRATION, "Create", "Approved") == automatic
    assert may(Role.REGISTRATION, "Update", "Approved") == automatic
    assert not may(Role.REGISTRATION, "Create", "")
    assert may(Role.APPROVER, "Update", "Approved")
    assert may(Role.APPROVER, "Update", "Rejected")
    assert not may(Role.APPROVER, "Update", "PendingManualApproval")
    assert not may(Role.APPROVER, "Update", "")  # a change of what describes the package, or of what it would run
    deciding = {role for role in Role for status in ("Approved", "") if may(role, "Update", status)}
    assert deciding == {Role.APPROVER, *({Role.REGISTRATION} if automatic else ())}


def test_a_role_is_passed_to_sagemaker_alone() -> None:
    place = PLACES[0]
    to_lambda = Need(
        role=Role.EXECUTION,
        action="iam:PassRole",
        resource=place.role_arn(Role.TRAINING),
        source="test",
        context={"iam:PassedToService": "lambda.amazonaws.com"},
    )

    assert not any(allows(statement, to_lambda) for statement in policies(place)[Role.EXECUTION])


@pytest.mark.parametrize(
    ("key", "of", "by"),
    [
        (
            "sagemaker:VpcSubnets",
            {"CreateProcessingJob", "CreateTrainingJob", "CreateModel"},
            {Role.EXECUTION, Role.DEPLOYMENT, Role.SCORING},
        ),
        ("sagemaker:OutputKmsKey", {"CreateProcessingJob", "CreateTrainingJob", "CreateTransformJob"}, {Role.EXECUTION}),
    ],
)
def test_no_job_and_no_model_runs_outside_the_network_nor_makes_what_is_not_encrypted(
    key: str, of: set[str], by: set[Role]
) -> None:
    place = PLACES[0]
    needs = [need for need in (*needs_of_code(place), *needs_of_services(place)) if need.action.partition(":")[2] in of]
    without = [
        dataclasses.replace(need, context={name: value for name, value in need.context.items() if name != key}) for need in needs
    ]

    assert missing(needs, policies(place)) == []
    assert {need.role for need in without} == by
    assert missing(without, policies(place)) == without


def test_nothing_joins_a_subnet_of_another_network() -> None:
    place = PLACES[0]
    joins = [
        need for need in needs_of_services(place) if need.action == "ec2:CreateNetworkInterface" and "subnet" in need.resource
    ]
    others = [dataclasses.replace(need, context={}) for need in joins]

    assert len(joins) == 7
    assert missing(others, policies(place)) == others


def test_a_wildcard_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="give `wide` a Reason"):
        Grant(actions=("s3:GetObject",), resources=("arn:aws:s3:::bucket/*",))
    with pytest.raises(ValueError, match="no role needs a wildcard among its actions"):
        Grant(actions=("s3:*",), resources=("arn:aws:s3:::bucket/a",))
    with pytest.raises(ValueError, match="no wildcard to give a reason for"):
        Grant(actions=("s3:GetObject",), resources=("arn:aws:s3:::bucket/a",), wide=Reason("because of this and that"))
    with pytest.raises(ValueError, match="is no reason"):
        Reason("needed")


def test_an_operator_that_is_not_understood_is_no_silent_yes() -> None:
    statement = {"Effect": "Allow", "Action": "a:B", "Resource": "*", "Condition": {"ArnLike": {"aws:SourceArn": "x"}}}

    with pytest.raises(ValueError, match="ArnLike is not evaluated"):
        allows(statement, Need(role="r", action="a:B", resource="x", source="test"))


def test_wrong_settings_name_the_place(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "infra" / "environments.yaml").read_text()

    for old, new, said in [
        ('account: "111122223333"', "account: 111122223333", "staging.account: 111122223333 is not of type str"),
        ("burst: 20", "brust: 20", "dev: unknown: brust. Known: account"),
        ("cidr: 10.10.0.0/20", "cidr: 8.8.8.0/24", "environments.dev: cidr is a private range"),
        ("burst: 20", "burst: 20\n    burst: 21", "key 'burst' stands here and in line 18"),
        ("project: flights", "project: flights\nproject: trains", "key 'project' stands here and in line 2"),
        ("burst: 20", "burst: 0_20", "'0_20' may mean several things"),
        ("burst: 20", "burst: 012", "'012' may mean several things"),
        ("burst: 20", "burst: 1:30", "'1:30' may mean several things"),
        ("trains_on_arrival: true", "trains_on_arrival: yes", "'yes' may mean several things"),
        ("endpoint: flights", "endpoint: NO", "'NO' may mean several things"),
        ("  dev:", "  no:", "'no' may mean several things|keys are text"),
        ("  dev:", "  12:", "keys are text"),
        ("  dev:", "  dev: [", "line 1[0-9]: "),
        ("zones: [eu-central-1a, eu-central-1b]", "zones: [eu-central-1a]", "two zones at least"),
    ]:
        file = tmp_path / "environments.yaml"
        assert old in text
        file.write_text(text.replace(old, new, 1))
        with pytest.raises(BadSettings, match=said.replace("(", r"\(")):
            load(file)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.environment.name)
def test_an_environment_is_where_the_project_looks_for_it(place: Place) -> None:
    from sagelens.project import load_project

    name = place.environment.name
    environment = load_project(Path(__file__).parents[3], environment=name).environment

    assert dataclasses.asdict(place.environment)["account"] == environment.account
    assert (place.environment.region, place.bucket) == (environment.region, environment.bucket)
    assert environment.role == place.role_arn(Role.EXECUTION)
    kinds = type(environment.roles).model_fields
    assert {kind: environment.role_of(kind) for kind in kinds} == {kind: place.role_arn(Role(kind)) for kind in kinds}
    assert environment.approval == place.environment.approval
    assert environment.keys.data == place.alias(Purpose.DATA)
    assert (environment.keys.volumes or "").startswith(place.arn("kms", "key/"))
    assert environment.network is not None
    assert len(environment.network.subnets) == len(place.environment.zones)
    assert environment.image.partition("/")[2].partition(":")[0] == place.repository
