"""The group of model packages, and the accounts that may take models from it."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra.permissions.place import Place

__all__ = ["Packages"]


class Packages(Construct):
    def __init__(self, scope: Construct, name: str, *, place: Place) -> None:
        super().__init__(scope, name)
        group = place.settings.model_package_group
        policy = _policy(place) if place.environment.readers else None
        sagemaker.CfnModelPackageGroup(
            self,
            "Group",
            model_package_group_name=group,
            model_package_group_description=f"Models of {place.settings.project} that passed their gate",
            model_package_group_policy=policy,
        )


def _policy(place: Place) -> dict[str, Any]:
    group = place.settings.model_package_group
    readers = {"AWS": [f"arn:aws:iam::{account}:root" for account in place.environment.readers]}
    packages = place.sagemaker(f"model-package/{group}/*")
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Group",
                "Effect": "Allow",
                "Principal": readers,
                "Action": ["sagemaker:DescribeModelPackageGroup"],
                "Resource": place.sagemaker(f"model-package-group/{group}"),
            },
            {
                "Sid": "Packages",
                "Effect": "Allow",
                "Principal": readers,
                "Action": ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages", "sagemaker:CreateModel"],
                "Resource": packages,
            },
        ],
    }
