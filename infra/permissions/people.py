"""What people may do under roles of their own: approve a model, and put an earlier one back. No role may do both."""

from __future__ import annotations

from infra.permissions import blocks
from infra.permissions.grant import Grant
from infra.permissions.place import Place, Purpose

__all__ = ["APPROVAL", "DECISIONS", "WAITING", "approver", "operator"]

APPROVAL = "sagemaker:ModelApprovalStatus"
"""IAM's name for the status that a request would give a package."""
WAITING = "PendingManualApproval"
DECISIONS = ("Approved", "Rejected")


def approver(place: Place) -> tuple[Grant, ...]:
    """Look at packages and at what their models say of themselves; decide. The rule on approvals deploys, not who approves."""
    packages = (place.sagemaker(f"model-package/{place.settings.model_package_group}/*"),)
    return (
        *blocks.reads_packages(place),
        Grant(
            actions=("sagemaker:UpdateModelPackage",),
            resources=packages,
            conditions={"StringEquals": {APPROVAL: DECISIONS}},
            wide=blocks.VERSIONS,
        ),
        *blocks.reads(place, place.pipeline("training")),
        *blocks.uses_data_key(place, writes=False),
    )


def operator(place: Place) -> tuple[Grant, ...]:
    """Move the endpoint to a config that was kept, under the guardrails of any deployment, and write that into its journal.

    Models cannot be made, so nothing serves that was not deployed before, and no role is passed. What they are made of is read,
    to be compared with what was registered.
    """
    endpoint = place.settings.endpoint
    written = (f"deployments/{endpoint}", f"deployments-observed/{endpoint}")
    return (
        *_moves(place),
        *blocks.removes_models(place),
        *blocks.sees_endpoints(),
        *blocks.watches_rollouts(place),
        Grant(actions=("cloudwatch:GetMetricData",), resources=("*",), wide=blocks.NO_RESOURCES),
        *blocks.encrypts_volumes(place),
        *blocks.lists(place),
        *blocks.reads(place, *written, place.pipeline("training")),
        *blocks.writes(place, *written),
        Grant(actions=("kms:Decrypt", "kms:GenerateDataKey"), resources=(place.keys[Purpose.DATA],)),
    )


def _moves(place: Place) -> tuple[Grant, ...]:
    """The endpoint itself, which is made anew where it failed; what crashed deployments left; configs of trials."""
    endpoint = place.settings.endpoint
    live, staging = place.sagemaker(f"endpoint/{endpoint}"), place.sagemaker(f"endpoint/{endpoint}-staging-*")
    return (
        Grant(
            actions=(
                "sagemaker:AddTags",
                "sagemaker:CreateEndpoint",
                "sagemaker:UpdateEndpoint",
                "sagemaker:UpdateEndpointWeightsAndCapacities",
            ),
            resources=(live,),
        ),
        Grant(
            actions=("sagemaker:DeleteEndpoint", "sagemaker:DescribeEndpoint"),
            resources=(live, staging),
            wide=blocks.DIGESTS,
        ),
        *blocks.changes_configs(place),
    )
