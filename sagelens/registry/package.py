"""A model package as we register it, read back into a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["DIGEST", "DIGEST_VARIABLE", "ModelPackage", "metadata_of"]

DIGEST = "model_digest"
"""The customer metadata property that holds the digest of the served folder, as its manifest says."""
DIGEST_VARIABLE = "SAGELENS_MODEL_DIGEST"
"""The model server's environment variable for the same: it refuses to serve anything else."""

_MOST_PROPERTIES = 50
_LONGEST = 256
_NOT_ALLOWED = re.compile(r"[^\w .:/=+\-@]")


@dataclass(frozen=True, kw_only=True)
class ModelPackage:
    arn: str
    group: str
    version: int
    approval: str
    digest: str
    image: str
    model_uri: str
    environment: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`flights/3`, for people."""
        return f"{self.group}/{self.version}"

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> ModelPackage:
        """From DescribeModelPackage; what a package of another maker lacks is left empty."""
        container = (answer.get("InferenceSpecification", {}).get("Containers") or [{}])[0]
        source = container.get("ModelDataSource", {}).get("S3DataSource", {})
        metadata = answer.get("CustomerMetadataProperties", {})
        return cls(
            arn=answer["ModelPackageArn"],
            group=answer.get("ModelPackageGroupName", ""),
            version=int(answer.get("ModelPackageVersion", 0)),
            approval=answer.get("ModelApprovalStatus", ""),
            digest=metadata.get(DIGEST, ""),
            image=container.get("Image", ""),
            model_uri=source.get("S3Uri", container.get("ModelDataUrl", "")),
            environment=container.get("Environment", {}),
            metadata=metadata,
        )


def metadata_of(values: Mapping[str, str]) -> dict[str, str]:
    """Within SageMaker's limits: at most 50 properties (the first are kept), each 1 to 256 characters of a limited set."""
    clean = ((name, _NOT_ALLOWED.sub(" ", value)[:_LONGEST].strip()) for name, value in values.items())
    return dict([(name, value) for name, value in clean if value][:_MOST_PROPERTIES])
