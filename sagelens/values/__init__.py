"""Frozen values that every layer shares. Nothing here imports a vendor."""

from sagelens.values.artifact import ArtifactKind, ArtifactRecord, Column, Figures, Folder, Metrics
from sagelens.values.client import Client, CloudWatchClient, RuntimeClient, S3Client, SageMakerClient, StsClient
from sagelens.values.digest import digest_bytes, digest_file, digest_files, digest_listing, digest_path
from sagelens.values.evidence import Evidence, Failure
from sagelens.values.instance import has_local_storage
from sagelens.values.phase import Phase
from sagelens.values.placement import Placement, tag_list
from sagelens.values.source import Classification, LocalSource, Source, SourceFormat
from sagelens.values.split import TimeSplit
from sagelens.values.verdict import Check, GateKind, Severity, Verdict

__all__ = [
    "ArtifactKind",
    "ArtifactRecord",
    "Check",
    "Classification",
    "Client",
    "CloudWatchClient",
    "Column",
    "Evidence",
    "Failure",
    "Figures",
    "Folder",
    "GateKind",
    "LocalSource",
    "Metrics",
    "Phase",
    "Placement",
    "RuntimeClient",
    "S3Client",
    "SageMakerClient",
    "Severity",
    "Source",
    "SourceFormat",
    "StsClient",
    "TimeSplit",
    "Verdict",
    "digest_bytes",
    "digest_file",
    "digest_files",
    "digest_listing",
    "digest_path",
    "has_local_storage",
    "tag_list",
]
