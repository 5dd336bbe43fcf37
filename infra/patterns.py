"""Which events start a pipeline."""

from __future__ import annotations

from typing import Any

from infra.permissions.place import Place

__all__ = ["approval", "arrival"]

_COMPLETE = "_SUCCESS"
"""The object that a delivery ends with; rows alone would start a training for each file."""


def approval(place: Place) -> dict[str, Any]:
    """A package of the group became approved: its status changed, or it was registered as approved.

    An event tells the status whatever has changed. Which fields did, it says of an update; a new package has no such list.
    """
    return {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "account": [place.environment.account],
        "detail": {
            "ModelPackageGroupName": [place.settings.model_package_group],
            "ModelPackageStatus": ["Completed"],
            "ModelApprovalStatus": ["Approved"],
            "UpdatedModelPackageFields": ["ModelApprovalStatus", {"exists": False}],
        },
    }


def arrival(place: Place) -> dict[str, Any]:
    """A delivery of raw data is complete."""
    return {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [place.data_bucket]}, "object": {"key": [{"suffix": _COMPLETE}]}},
    }
