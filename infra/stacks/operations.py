"""Model packages, what starts pipelines, who is told of trouble, and the front of the endpoint."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.constructs.budget import Budget
from infra.constructs.front import Front
from infra.constructs.packages import Packages
from infra.constructs.starts import Starts
from infra.constructs.watch import Watch
from infra.permissions.place import Place

__all__ = ["Operations"]


class Operations(Stack):
    def __init__(self, scope: Construct, name: str, *, place: Place, key: kms.IKey, **options: Any) -> None:
        super().__init__(scope, name, **options)
        Packages(self, "Packages", place=place)
        starts = Starts(self, "Starts", place=place, key=key)
        Watch(self, "Watch", place=place, key=key, undelivered=starts.undelivered)
        Budget(self, "Budget", place=place)
        Front(self, "Front", place=place, key=key)
