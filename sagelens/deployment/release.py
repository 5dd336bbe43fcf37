"""What is to serve: the config of one model, with the requests that make it where it does not exist yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagelens.deployment.plan import ServedModel, Target, plan

if TYPE_CHECKING:
    from sagelens.project import Deployment, EndpointSettings

__all__ = ["Release", "release_for"]


@dataclass(frozen=True, kw_only=True)
class Release:
    """`variant` is the config's production variant, in CreateEndpointConfig's terms.

    `model_request` and `config_request` are None for a config that exists and was kept. `version` is the model package's.
    `volume_key` encrypts the volumes of what is made beside the config, `tags` are on all that is made.
    """

    endpoint: str
    config_name: str
    variant: Mapping[str, Any]
    digest: str
    model_uri: str
    model_request: Mapping[str, Any] | None = None
    config_request: Mapping[str, Any] | None = None
    captures: bool = False
    volume_key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    package_arn: str = ""
    version: str = ""

    @classmethod
    def of(cls, target: Target, *, package_arn: str = "", version: str = "") -> Release:
        """The release that a target describes; the same target makes the same release."""
        planned = plan(target)
        return cls(
            endpoint=target.endpoint,
            config_name=planned.config_name,
            variant=planned.config["ProductionVariants"][0],
            digest=target.model.digest,
            model_uri=target.model.model_uri,
            model_request=planned.model,
            config_request=planned.config,
            captures=target.data_capture is not None,
            volume_key=target.model.placement.volume_key,
            tags=target.model.placement.tags,
            package_arn=package_arn,
            version=version,
        )

    @property
    def variant_name(self) -> str:
        return str(self.variant["VariantName"])

    @property
    def model_name(self) -> str:
        return str(self.variant["ModelName"])

    @property
    def instances(self) -> int:
        return int(self.variant.get("InitialInstanceCount", 1))

    @property
    def instance_type(self) -> str:
        return str(self.variant.get("InstanceType", ""))


def release_for(
    model: ServedModel,
    *,
    settings: Deployment,
    hosting: EndpointSettings,
    bucket: str,
    package_arn: str = "",
    version: str = "",
) -> Release:
    """The release of a model on the project's endpoint, as its configuration has it; captured requests go to the bucket."""
    target = Target(
        endpoint=settings.endpoint,
        model=model,
        variant=settings.variant,
        instance_type=hosting.instance_type,
        instance_count=hosting.instance_count,
        data_capture=_capture(settings.endpoint, bucket, hosting.data_capture_percent, model.placement.data_key),
    )
    return Release.of(target, package_arn=package_arn, version=version)


def _capture(endpoint: str, bucket: str, percent: int | None, key: str) -> dict[str, Any] | None:
    if percent is None:
        return None
    return {
        **({"KmsKeyId": key} if key else {}),
        "EnableCapture": True,
        "InitialSamplingPercentage": percent,
        "DestinationS3Uri": f"s3://{bucket}/captured/{endpoint}",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"], "CsvContentTypes": ["text/csv"]},
    }
