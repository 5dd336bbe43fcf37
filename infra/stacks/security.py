"""Keys and roles, before anything that they protect."""

from __future__ import annotations

import dataclasses
from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.constructs.keys import Keys
from infra.constructs.roles import Roles
from infra.permissions.place import Place, Purpose

__all__ = ["Security"]


class Security(Stack):
    def __init__(self, scope: Construct, name: str, *, place: Place, **options: Any) -> None:
        super().__init__(scope, name, **options)
        self.keys = Keys(self, "Keys", place=place).by_purpose
        self.place = dataclasses.replace(place, keys={purpose: key.key_arn for purpose, key in self.keys.items()})
        # Training jobs know a volume's key by its ARN or id only, not by its alias.
        CfnOutput(self, "VolumesKey", value=self.place.keys[Purpose.VOLUMES], description="Of volumes of jobs and endpoints")
        Roles(self, "Roles", place=self.place)
