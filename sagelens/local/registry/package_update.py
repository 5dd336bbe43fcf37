"""What UpdateModelPackage does to a package."""

from __future__ import annotations

from sagelens.local.ports import ApiError, Document, Request

__all__ = ["updated"]

_MOST_METADATA = 50

_REPLACED = (
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)


def updated(body: Document, request: Request) -> Document:
    """The package's new body. Metadata is merged, further specifications are added, everything else is replaced."""
    changed = {name: request[name] for name in _REPLACED if name in request}
    metadata = {**body.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
    for key in request.get("CustomerMetadataPropertiesToRemove", ()):
        metadata.pop(key, None)
    if len(metadata) > _MOST_METADATA:
        raise ApiError(
            "ValidationException", f"A package can have {_MOST_METADATA} metadata properties; it would have {len(metadata)}."
        )
    result = {**body, **changed, "CustomerMetadataProperties": metadata or None}
    added = request.get("AdditionalInferenceSpecificationsToAdd", [])
    if added:
        result["AdditionalInferenceSpecifications"] = _joined(body.get("AdditionalInferenceSpecifications", []), added)
    return {name: value for name, value in result.items() if value is not None}


def _joined(kept: list[Document], added: list[Document]) -> list[Document]:
    names = [specification["Name"] for specification in (*kept, *added)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ApiError(
            "ValidationException", f"Additional inference specifications need names of their own; twice: {', '.join(twice)}."
        )
    return [*kept, *added]
