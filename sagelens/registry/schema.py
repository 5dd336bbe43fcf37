"""Whether callers of one model can go on unchanged with another: its schema.json says what a raw row must be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagelens.errors import BadData, Refused
from sagelens.values import S3Client
from sagelens.values.s3 import split_uri

__all__ = ["SchemaDiff", "check_callers", "compare_schemas", "read_schema"]

_WIDER = {"integer": {"number"}}
_TOLD = ("type", "title", "description", "default", "examples")


@dataclass(frozen=True, kw_only=True)
class SchemaDiff:
    """`breaking` changes make a request that was answered fail, or change what an answer means; `compatible` ones do not."""

    breaking: tuple[str, ...] = ()
    compatible: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "; ".join((*self.breaking, *self.compatible)) or "no difference"


def compare_schemas(old: Mapping[str, Any], new: Mapping[str, Any]) -> SchemaDiff:
    """The difference of two JSON Schemas of a raw row; under `output`, where they have it, that of an answer."""
    changes = [*_inputs(old, new), *_output(old, new)]
    return SchemaDiff(
        breaking=tuple(said for breaks, said in changes if breaks),
        compatible=tuple(said for breaks, said in changes if not breaks),
    )


def check_callers(old_uri: str, new_uri: str, *, allow_breaking: bool, s3: S3Client) -> SchemaDiff:
    """The difference between the model that serves and the one to come. Raises Refused where it breaks callers."""
    if old_uri.rstrip("/") in {"", new_uri.rstrip("/")}:
        return SchemaDiff()
    old = read_schema(old_uri, s3=s3)
    new = read_schema(new_uri, s3=s3)
    if old is None or new is None:
        return SchemaDiff()
    diff = compare_schemas(old, new)
    if diff.breaking and not allow_breaking:
        raise Refused(
            f"The model's schema would break the endpoint's callers: {'; '.join(diff.breaking)}. Deploy it under another "
            "endpoint, keep what callers send, or force it with --allow-breaking (deployment.allow_breaking)."
        )
    return diff


def read_schema(model_uri: str, *, s3: S3Client) -> dict[str, Any] | None:
    """schema.json of a model folder in S3; None where there is none, as in a model of another maker."""
    bucket, prefix = split_uri(model_uri)
    key = f"{prefix.rstrip('/')}/schema.json"
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.ClientError as error:
        if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "404", "NotFound"}:
            return None
        raise
    try:
        return dict(json.loads(body))
    except ValueError as error:
        raise BadData(f"s3://{bucket}/{key} is not JSON: {error}. Package the model again.") from error


def _inputs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
    closed = new.get("additionalProperties") is False
    for name in before:
        if name not in after:
            yield closed, f"field '{name}' is gone"
            continue
        yield from _field(name, before[name], after[name])
        if name in needed_after - needed_before:
            yield True, f"field '{name}' has become required"
        if name in needed_before - needed_after:
            yield False, f"field '{name}' has become optional"
    for name in after:
        if name not in before:
            required = name in needed_after
            yield required, f"field '{name}' ({_shown(after[name])}) is new" + (" and required" if required else "")


def _field(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    old, new = _types(before), _types(after)
    if old != new:
        accepted = new | {narrow for narrow, wide in _WIDER.items() if wide & new}
        breaks = bool(new) and not (old and old <= accepted)
        yield breaks, f"field '{name}' was {_shown(before)} and is {_shown(after)}"
    rest = [{key: value for key, value in described.items() if key not in _TOLD} for described in (before, after)]
    if rest[0] != rest[1]:
        # A bound that is lifted breaks nobody; one that is set or changed may.
        yield bool(rest[1]), f"field '{name}' was bound by {json.dumps(rest[0])} and is by {json.dumps(rest[1])}"


def _output(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    if "output" in old and old["output"] != new.get("output"):
        yield True, f"the answer was {json.dumps(old['output'])} and is {json.dumps(new.get('output'))}"


def _types(described: Mapping[str, Any]) -> set[str]:
    kinds = described.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _shown(described: Mapping[str, Any]) -> str:
    kinds = described.get("type", "of any type")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)
