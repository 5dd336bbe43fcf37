"""Where jobs and models run on AWS, and what encrypts what they leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Placement", "tag_list"]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """`subnets` and `security_groups` are empty outside a VPC, keys are empty where SageMaker's own are used.

    `isolated`: the container of a model reaches nothing, and nothing but SageMaker reaches it.
    """

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    isolated: bool = True
    data_key: str = ""
    volume_key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def vpc(self) -> dict[str, list[str]] | None:
        """VpcConfig, in the API's terms."""
        if not self.subnets:
            return None
        return {"SecurityGroupIds": list(self.security_groups), "Subnets": list(self.subnets)}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Tags, in the API's terms."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
