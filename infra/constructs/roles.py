"""The roles of `infra.permissions.policies`, each with one managed policy, and who may take them on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_iam as iam
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.permissions.place import Place, Role
from infra.permissions.policies import PURPOSES, grants

__all__ = ["Roles"]

_GITHUB = "token.actions.githubusercontent.com"
_PEOPLE = (Role.APPROVER, Role.OPERATOR)
_SERVICES = {Role.EVENTS: "lambda", Role.FRONT: "apigateway"}
_UNASKED = (Role.EVENTS, Role.FRONT)
"""Whose services do not say for whom they take a role on; passing it is what is restricted."""


class Roles(Construct):
    def __init__(self, scope: Construct, name: str, *, place: Place) -> None:
        super().__init__(scope, name)
        self._place = place
        provider = iam.CfnOIDCProvider(self, "GitHub", url=f"https://{_GITHUB}", client_id_list=["sts.amazonaws.com"])
        self.by_kind: Mapping[Role, iam.Role] = {kind: self._role(kind, self._principal(kind, provider)) for kind in Role}

    def _role(self, kind: Role, principal: iam.IPrincipal) -> iam.Role:
        allowed = grants(kind, self._place)
        policy = iam.ManagedPolicy(
            self,
            f"{kind.name.title()}Policy",
            managed_policy_name=self._place.role_name(kind),
            description=f"What sagelens needs for {PURPOSES[kind]}"[:1000],
            document=iam.PolicyDocument.from_json(
                {"Version": "2012-10-17", "Statement": [grant.statement() for grant in allowed]}
            ),
        )
        reasons = sorted({grant.wide.text for grant in allowed if grant.wide is not None})
        if reasons:
            NagSuppressions.add_resource_suppressions(
                policy, [NagPackSuppression(id="AwsSolutions-IAM5", reason=" ".join(reasons))]
            )
        return iam.Role(
            self,
            kind.name.title(),
            role_name=self._place.role_name(kind),
            description=f"For {PURPOSES[kind]}"[:1000],
            assumed_by=principal,
            managed_policies=[policy],
        )

    def _principal(self, kind: Role, provider: iam.CfnOIDCProvider) -> iam.IPrincipal:
        if kind in _PEOPLE:
            return self._person(kind)
        return self._github(provider) if kind is Role.CI else self._service(kind)

    def _person(self, kind: Role) -> iam.IPrincipal:
        """Identities of this account that carry the role's tag, and whose own policies let them take it on."""
        tag = f"aws:PrincipalTag/{self._place.role_name(kind)}"
        return iam.AccountPrincipal(self._place.environment.account).with_conditions({"StringEquals": {tag: "yes"}})

    def _service(self, kind: Role) -> iam.IPrincipal:
        """The service takes a role on for this account alone."""
        name = f"{_SERVICES.get(kind, 'sagemaker')}.amazonaws.com"
        account = {"StringEquals": {"aws:SourceAccount": self._place.environment.account}}
        return iam.ServicePrincipal(name, conditions=None if kind in _UNASKED else account)

    def _github(self, provider: iam.CfnOIDCProvider) -> iam.IPrincipal:
        """Workflows of the repository, and of those the jobs that GitHub let into the environment of this name."""
        subject = f"repo:{self._place.settings.repository}:environment:{self._place.environment.name}"
        conditions: dict[str, Any] = {"StringEquals": {f"{_GITHUB}:aud": "sts.amazonaws.com", f"{_GITHUB}:sub": subject}}
        return iam.WebIdentityPrincipal(provider.attr_arn, conditions)
