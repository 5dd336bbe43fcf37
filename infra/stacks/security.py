"""Keys and roles, before anything that they protect."""

from __future__ import annotations

import dataclasses
from typing import Any

from aws_cdk import Stack
from constructs import Construct

from infra.constructs.keys import Keys
from infra.constructs.roles import Roles
from infra.permissions.place import Place

__all__ = ["Security"]


class Security(Stack):
    def __init__(self, scope: Construct, name: str, *, place: Place, **options: Any) -> None:
        super().__init__(scope, name, **options)
        self.keys = Keys(self, "Keys", place=place).by_purpose
        self.place = dataclasses.replace(place, keys={purpose: key.key_arn for purpose, key in self.keys.items()})
        Roles(self, "Roles", place=self.place)
