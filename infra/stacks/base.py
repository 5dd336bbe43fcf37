"""What lasts: buckets, images, the network, and the trail of who touched what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.constructs.buckets import Buckets
from infra.constructs.images import Images
from infra.constructs.network import Network
from infra.constructs.trail import Trail
from infra.permissions.place import Place, Purpose

__all__ = ["Base"]


class Base(Stack):
    """Flow logs, access logs and the trail share one log bucket."""

    def __init__(self, scope: Construct, name: str, *, place: Place, keys: Mapping[Purpose, kms.Key], **options: Any) -> None:
        super().__init__(scope, name, **options)
        buckets = Buckets(self, "Buckets", place=place, key=keys[Purpose.DATA])
        Images(self, "Images", place=place, key=keys[Purpose.IMAGES])
        Trail(self, "Trail", place=place, key=keys[Purpose.LOGS], logged=buckets.logs)
        Network(self, "Network", place=place, logged=buckets.logs)
