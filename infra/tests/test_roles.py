"""The permission test, on the policies that CloudFormation would create."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from conftest import Templates

from infra.permissions.evaluate import missing, unexplained
from infra.permissions.place import Place, Purpose, Role
from infra.permissions.requests import needs_of_code
from infra.permissions.service import needs_of_services

LONGEST = 6144
"""Characters of a managed policy, white space not counted: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


def with_keys(templates: Templates) -> Place:
    """Keys by the names of their aliases, for the ARNs that CloudFormation will put there."""
    return dataclasses.replace(templates.place, keys={purpose: f"key {templates.place.alias(purpose)}" for purpose in Purpose})


def policies(templates: Templates) -> dict[str, list[dict[str, Any]]]:
    aliases = {
        properties["TargetKeyId"]["Fn::GetAtt"][0]: properties["AliasName"]
        for properties in templates.properties("AWS::KMS::Alias")
    }
    documents = {name: resource["Properties"] for name, resource in templates.named("AWS::IAM::ManagedPolicy")}
    found = {}
    for role in Role:
        properties = templates.one("AWS::IAM::Role", RoleName=templates.place.role_name(role))
        attached = [policy["Ref"] for policy in properties["ManagedPolicyArns"]]
        found[str(role)] = [
            {**statement, "Resource": [_plain(resource, aliases) for resource in _listed(statement["Resource"])]}
            for policy in attached
            for statement in documents[policy]["PolicyDocument"]["Statement"]
        ]
    return found


def _plain(resource: Any, aliases: dict[str, str]) -> str:
    return resource if isinstance(resource, str) else f"key {aliases[resource['Fn::GetAtt'][0]]}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_role_may_do_what_it_needs_and_nothing_else(templates: Templates) -> None:
    place = with_keys(templates)
    needs = [*needs_of_code(place), *needs_of_services(place)]

    assert missing(needs, policies(templates)) == []
    assert unexplained(needs, policies(templates)) == []


def test_there_is_no_role_beside_those_and_two_writers_of_logs(templates: Templates) -> None:
    ours = {templates.place.role_name(role) for role in Role}
    others = [properties for properties in templates.properties("AWS::IAM::Role") if properties.get("RoleName") not in ours]

    trusted = sorted(p["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"] for p in others)
    assert trusted == ["apigateway.amazonaws.com", "cloudtrail.amazonaws.com"]
    assert templates.all("AWS::IAM::Policy") == []
    assert not any("Policies" in p for p in others)


def test_each_role_is_taken_on_by_one_service_for_this_account(templates: Templates) -> None:
    services = {Role.EVENTS: "lambda", Role.FRONT: "apigateway"}
    for role in set(Role) - {Role.CI, Role.APPROVER, Role.OPERATOR}:
        trust = templates.one("AWS::IAM::Role", RoleName=templates.place.role_name(role))["AssumeRolePolicyDocument"]
        (statement,) = trust["Statement"]
        assert statement["Principal"] == {"Service": f"{services.get(role, 'sagemaker')}.amazonaws.com"}
        if role not in services:
            assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": templates.place.environment.account}}


def test_people_take_a_role_on_in_their_own_account_and_only_with_its_tag(templates: Templates) -> None:
    account = templates.place.environment.account
    for role in (Role.APPROVER, Role.OPERATOR):
        name = templates.place.role_name(role)
        (statement,) = templates.one("AWS::IAM::Role", RoleName=name)["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRole"
        assert account in json.dumps(statement["Principal"])
        assert statement["Condition"] == {"StringEquals": {f"aws:PrincipalTag/{name}": "yes"}}


def test_ci_is_the_repository_in_the_environment_of_the_same_name(templates: Templates) -> None:
    trust = templates.one("AWS::IAM::Role", RoleName=templates.place.role_name(Role.CI))["AssumeRolePolicyDocument"]
    (statement,) = trust["Statement"]
    host = "token.actions.githubusercontent.com"

    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            f"{host}:aud": "sts.amazonaws.com",
            f"{host}:sub": f"repo:{templates.place.settings.repository}:environment:{templates.place.environment.name}",
        }
    }


def test_policies_are_short_enough_for_iam(templates: Templates) -> None:
    for properties in templates.properties("AWS::IAM::ManagedPolicy"):
        text = json.dumps(properties["PolicyDocument"], separators=(",", ":"))
        assert len(text) < LONGEST, properties.get("ManagedPolicyName")
