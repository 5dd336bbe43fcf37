"""What decides whether a step's earlier result can be used again.

The parts are AWS's (outputs, resources, role, tags and network are not among them). AWS compares the paths of S3 objects; here
each path is replaced by the digest of its content, so new data under an old path is a miss, and equal data elsewhere a hit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sagelens.values import digest_bytes

__all__ = ["PARTS", "Fingerprint", "content_uris", "fingerprint", "input_uris", "key_parts", "uris"]

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


@dataclass(frozen=True)
class Fingerprint:
    """A key with what it was made of: `parts` as resolved, `inputs` name to URI, `digests` URI to digest of the content."""

    key: str
    parts: dict[str, Any]
    inputs: dict[str, str]
    digests: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


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


def fingerprint(step_type: str, parts: Mapping[str, Any], digests: Mapping[str, str]) -> Fingerprint:
    """`digests` holds the digest behind every URI that exists."""
    text = json.dumps(_with_digests(parts, digests), sort_keys=True, separators=(",", ":"))
    return Fingerprint(
        key=digest_bytes(f"{step_type}:{text}".encode()),
        parts=dict(parts),
        inputs=input_uris(step_type, parts),
        digests=dict(digests),
    )


def _with_digests(value: Any, digests: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return f"content:{digests[value]}" if value in digests else value
    if isinstance(value, dict):
        return {key: _with_digests(item, digests) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_digests(item, digests) for item in value]
    return value
