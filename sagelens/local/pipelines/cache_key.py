"""What decides whether a step's earlier result can be used again.

The parts are AWS's (outputs, resources, role, tags and network are not among them). AWS compares the paths of S3 objects; here
each path is replaced by the digest of its content, so new data under an old path is a miss, and equal data elsewhere a hit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sagelens.local.pipelines.contents import Content
from sagelens.values import digest_bytes

__all__ = [
    "PARTS",
    "Fingerprint",
    "content_uris",
    "fingerprint",
    "input_uris",
    "key_parts",
    "lasting_uris",
    "listed",
    "uris",
]

PARTS = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
}

_INPUTS = {"Processing": "ProcessingInputs", "Training": "InputDataConfig"}
_NAMES = {"Processing": "InputName", "Training": "ChannelName"}


_MOST_LISTED = 64
"""Files of one URI that are kept by name, to tell which of them has changed; of more only the digest of all is kept."""


@dataclass(frozen=True)
class Fingerprint:
    """A key with what it was made of: `parts` as resolved, `inputs` name to URI, `digests` URI to digest of the content, `files`
    URI to the digests of its files by name, where they are few."""

    key: str
    parts: dict[str, Any]
    inputs: dict[str, str]
    digests: dict[str, str]
    files: dict[str, dict[str, str]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Fingerprint:
        """As `to_dict` gave it, be it that of an older or a newer release."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in body.items() if name in known})


def listed(content: Content) -> dict[str, str]:
    """The digests of files by name, if they are few."""
    return dict(content.files) if len(content.files) <= _MOST_LISTED else {}


def content_uris(parts: Mapping[str, Any]) -> set[str]:
    """Every s3:// URI whose content counts; what is behind a CheckpointConfig changes while the job runs, so its path does."""
    return set(uris({name: part for name, part in parts.items() if name != "CheckpointConfig"}))


def key_parts(step_type: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {part: arguments[part] for part in PARTS[step_type] if part in arguments}


def uris(value: Any) -> Iterator[str]:
    """Every s3:// URI in a value."""
    if isinstance(value, str):
        if value.startswith("s3://"):
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from uris(item)
    elif isinstance(value, list):
        for item in value:
            yield from uris(item)


def input_uris(step_type: str, parts: Mapping[str, Any]) -> dict[str, str]:
    """The URI of each input by its name; those have to exist. Other URIs (a checkpoint's) may not be there yet."""
    if step_type == "Transform":
        return dict.fromkeys(("input",), next(uris(parts.get("TransformInput")), ""))
    named = ((item.get(_NAMES[step_type], ""), next(uris(item), "")) for item in parts.get(_INPUTS[step_type], ()))
    return {name: uri for name, uri in named if uri}


def lasting_uris(step_type: str, parts: Mapping[str, Any]) -> set[str]:
    """What a step's job reads and nobody may change while it runs: its inputs, and what its model consists of."""
    return {*input_uris(step_type, parts).values(), *uris(parts.get("ModelName"))}


def fingerprint(step_type: str, parts: Mapping[str, Any], contents: Mapping[str, Content]) -> Fingerprint:
    """`contents` holds what lies under every URI that exists."""
    digests = {uri: content.digest for uri, content in contents.items()}
    text = json.dumps(_with_digests(parts, digests), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return Fingerprint(
        key=digest_bytes(f"{step_type}:{text}".encode()),
        parts=dict(parts),
        inputs=input_uris(step_type, parts),
        digests=digests,
        files={uri: files for uri, content in contents.items() if (files := listed(content))},
    )


def _with_digests(value: Any, digests: Mapping[str, str]) -> Any:
    """A list stands for content: a text that a user wrote can never be taken for it."""
    if isinstance(value, str):
        return ["content", digests[value]] if value in digests else value
    if isinstance(value, dict):
        return {key: _with_digests(item, digests) for key, item in value.items()}
    if isinstance(value, list):
        return {str(number): _with_digests(item, digests) for number, item in enumerate(value)}
    return value
