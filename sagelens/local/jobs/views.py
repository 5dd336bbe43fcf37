"""What Describe and List answer, from what is stored."""

from __future__ import annotations

from typing import Any

from sagelens.local.jobs.job import Noun
from sagelens.local.ports import Document, Request, Resource
from sagelens.local.store import Store, page

__all__ = ["body_of", "described", "listed"]

_SUMMARY = {
    Noun.PROCESSING: ("ProcessingEndTime", "FailureReason", "ExitMessage"),
    Noun.TRAINING: ("TrainingEndTime", "SecondaryStatus"),
    Noun.TRANSFORM: ("TransformEndTime", "FailureReason"),
}


def body_of(noun: Noun, request: Request) -> Document:
    """What is kept of a Create request: all but the name, which has its own place, and the tags."""
    return {name: value for name, value in request.items() if name not in {f"{noun}JobName", "Tags"}}


def described(noun: Noun, resource: Resource) -> Document:
    """DescribeTransformJob has no LastModifiedTime."""
    modified = {} if noun is Noun.TRANSFORM else {"LastModifiedTime": resource.modified}
    return {**resource.body, **_names(noun, resource), **modified}


def listed(noun: Noun, store: Store, request: Request) -> Document:
    if "WarmPoolStatusEquals" in request or "TrainingPlanArnEquals" in request:  # there are no warm pools and plans here
        return {f"{noun}JobSummaries": []}
    found = store.query(
        noun.kind,
        status=request.get("StatusEquals"),
        name_contains=request.get("NameContains"),
        created_after=request.get("CreationTimeAfter"),
        created_before=request.get("CreationTimeBefore"),
        modified_after=request.get("LastModifiedTimeAfter"),
        modified_before=request.get("LastModifiedTimeBefore"),
        order_by="name" if request.get("SortBy") == "Name" else "created",
        descending=request.get("SortOrder", "Descending") == "Descending",
    )
    if request.get("SortBy") == "Status":
        found.sort(key=lambda resource: resource.status, reverse=request.get("SortOrder", "Descending") == "Descending")
    shown, more = page(found, request)
    return {f"{noun}JobSummaries": [_summary(noun, resource) for resource in shown], **more}


def _summary(noun: Noun, resource: Resource) -> Document:
    body: dict[str, Any] = {name: resource.body[name] for name in _SUMMARY[noun] if name in resource.body}
    return {**body, **_names(noun, resource), "LastModifiedTime": resource.modified}


def _names(noun: Noun, resource: Resource) -> Document:
    return {
        f"{noun}JobName": resource.name,
        f"{noun}JobArn": resource.arn,
        f"{noun}JobStatus": resource.status,
        "CreationTime": resource.created,
    }
