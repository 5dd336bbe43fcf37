"""`models list | show | approve | reject`."""

from __future__ import annotations

import getpass
import json
import sys
from typing import Any

from sagelens.cli.objects import read_json_or_none
from sagelens.cli.screen import fit, labelled, say, shorten, width_of
from sagelens.cli.target import Connection, connect
from sagelens.errors import NotFound
from sagelens.text.hint import hint
from sagelens.values.suggestion import closest

__all__ = ["approve_package", "find_package", "list_packages", "model_uri", "reject_package", "show_package"]


_NAMES = ("ModelPackageArn", "ModelPackageVersion")  # what a package may be called by, beside `latest`
_ARN_AFTER = 50  # columns of a version, its approval and its time


def list_packages(*, environment: str, as_json: bool) -> int:
    connection = connect(environment)
    rows = [
        {
            "model_package_arn": summary["ModelPackageArn"],
            "version": summary["ModelPackageVersion"],
            "approval": summary["ModelApprovalStatus"],
            "status": summary["ModelPackageStatus"],
            "created": summary["CreationTime"].isoformat(),
        }
        for summary in _summaries(connection)
    ]
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return 0
    width = width_of(sys.stdout)
    room = None if width is None else width - _ARN_AFTER
    for row in rows:
        arn = row["model_package_arn"]
        named = fit(room, arn, arn.rpartition(":model-package/")[2])
        named = named if room is None else shorten(named, room)
        sys.stdout.write(f"{row['version']:>4}  {row['approval']:<22} {row['created'][:19]}  {named}\n")
    if not rows:
        say("No model is registered yet. `sagelens run training` registers one when its gate passes.")
    return 0


def show_package(model: str, *, environment: str, as_json: bool) -> int:
    connection = connect(environment)
    package = connection.sagemaker.describe_model_package(ModelPackageName=find_package(connection, model))
    shown = {
        "model_package_arn": package["ModelPackageArn"],
        "approval": package["ModelApprovalStatus"],
        "approval_description": package.get("ApprovalDescription"),
        "created": package["CreationTime"].isoformat(),
        "metadata": package.get("CustomerMetadataProperties", {}),
        "model_data": model_uri(package),
        "content_types": package["InferenceSpecification"]["SupportedContentTypes"],
        "schema": read_json_or_none(connection.s3, model_uri(package).rstrip("/") + "/schema.json"),
    }
    if as_json:
        sys.stdout.write(json.dumps(shown) + "\n")
        return 0
    out = sys.stdout.write
    out(f"{shown['model_package_arn']}\n")
    facts = {"approval": shown["approval"], "created": shown["created"][:19], "model": shown["model_data"]}
    for name, value in (*facts.items(), *sorted(shown["metadata"].items())):
        out("\n".join(labelled(name, str(value), width_of(sys.stdout), room=24)) + "\n")
    out("A request holds rows of this schema:\n" + json.dumps(shown["schema"], indent=1) + "\n")
    say(f"{hint('models', 'show', str(package['ModelPackageVersion']), '--example')} prints a request to try.")
    return 0


def approve_package(model: str, reason: str, *, environment: str, as_json: bool) -> int:
    """Approve. On AWS the rule on approvals then runs the deployment pipeline, under roles that who approves has not; where no
    such rule is, here, this does it.
    """
    from sagelens.cli.commands.run import deploy_and_conclude
    from sagelens.registry import approve

    connection = connect(environment)
    arn = find_package(connection, model)
    approve(connection.sagemaker, arn, by=getpass.getuser(), reason=reason)
    if connection.follower is None:
        return deploy_and_conclude(connection, arn, reason=reason, as_json=as_json)
    if as_json:
        sys.stdout.write(json.dumps({"model_package_arn": arn, "approval": "Approved"}) + "\n")
        return 0
    say(
        f"Approved {arn}.\nThe rule on approvals of infra/ deploys it, once: {hint('follow', 'last')} follows that.\n"
        f"Without the rule: {hint('deploy', arn.rpartition('/')[2])}."
    )
    return 0


def reject_package(model: str, reason: str, *, environment: str, as_json: bool) -> int:
    from sagelens.registry import reject

    connection = connect(environment)
    arn = find_package(connection, model)
    reject(connection.sagemaker, arn, by=getpass.getuser(), reason=reason)
    answer = {"model_package_arn": arn, "approval": "Rejected"}
    sys.stdout.write(json.dumps(answer) + "\n" if as_json else f"Rejected {arn}.\n")
    return 0


def _summaries(connection: Connection) -> list[dict[str, Any]]:
    group = connection.project.registration.model_package_group
    pages = connection.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
    )
    try:
        return [summary for page in pages for summary in page["ModelPackageSummaryList"]]
    except connection.sagemaker.exceptions.ClientError as error:
        if "not" in error.response["Error"]["Message"] and error.response["Error"]["Code"] in {
            "ValidationException",
            "ResourceNotFound",
        }:
            return []
        raise


def find_package(connection: Connection, model: str, *, approved: bool = False) -> str:
    """The ARN of a package of the project's group, named by ARN, version or `latest`: with `approved`, the latest of those."""
    summaries = _summaries(connection)
    group = connection.project.registration.model_package_group
    for summary in summaries:
        if model == "latest" and approved and summary["ModelApprovalStatus"] != "Approved":
            continue
        if model in {"latest", summary["ModelPackageArn"], str(summary["ModelPackageVersion"])}:
            return str(summary["ModelPackageArn"])
    known = ", ".join(str(summary["ModelPackageVersion"]) for summary in summaries)
    if model == "latest" and known:
        raise NotFound(
            f"Group '{group}' has no approved model package among the versions {known}. Approve one: "
            f"{hint('models', 'approve', str(summaries[0]['ModelPackageVersion']), '--reason', 'WHY')}."
        )
    asked = f"Group '{group}' has no model package '{model}'."
    if not known:
        raise NotFound(f"{asked} It has none; {hint('run', 'training')} registers one when its gate passes.")
    names = ["latest", *(str(summary[name]) for summary in summaries for name in _NAMES)]
    alike = None if model.isdigit() else closest(model, names)  # numbers that look alike have nothing in common
    raise NotFound(f"{asked}{f' Did you mean {alike}?' if alike else ''} It has the versions: {known}.")


def model_uri(package: dict[str, Any]) -> str:
    container = package["InferenceSpecification"]["Containers"][0]
    return str(container["ModelDataSource"]["S3DataSource"]["S3Uri"])
