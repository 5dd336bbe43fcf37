"""Whether what lies in S3 is the model that was registered, looked at before an endpoint is given it.

Servers check their own copy as they start; this finds the same sooner, while nothing has been touched, and for servers of others.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sagelens.errors import Refused
from sagelens.values import S3Client, digest_listing
from sagelens.values.s3 import split_uri

__all__ = ["prove_content"]

_MANIFEST = "manifest.json"
_BYTECODE = "/__pycache__/"
"""Neither part of a model nor read by its server."""
_SIDE_BY_SIDE = 8
_CHUNK = 1024 * 1024
_SHOWN = 5


def prove_content(model_uri: str, digest: str, *, s3: S3Client) -> None:
    """Every object below `model_uri` is a file of the model with this digest, and has its bytes; none is missing.

    SHA-256 checksums that S3 keeps of whole objects are taken; an object without one, as SageMaker's jobs leave them, is read.
    Raises Refused, which names what differs.
    """
    folder = _Folder(*split_uri(model_uri.rstrip("/") + "/"), s3)
    listed = folder.listing()
    if digest_listing(listed) != digest:
        raise _refusal(model_uri, f"its {_MANIFEST} lists a model of digest {digest_listing(listed)}, not {digest}")
    found = folder.objects()
    with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="content") as readers:
        common = sorted(found.keys() & listed)
        digests = dict(zip(common, readers.map(folder.digest_of, common, (found[name] for name in common)), strict=True))
    _compare(model_uri, listed, digests, more=found.keys() - listed.keys() - {_MANIFEST})


def _compare(uri: str, listed: Mapping[str, str], digests: Mapping[str, str], *, more: set[str]) -> None:
    told = (
        ("changed", {name for name, digest in digests.items() if digest != listed[name]}),
        ("missing", listed.keys() - digests.keys()),
        ("not part of it", more),
    )
    said = [f"{what}: {_names(names)}" for what, names in told if names]
    if said:
        raise _refusal(uri, "; ".join(said))


def _names(names: set[str]) -> str:
    shown = ", ".join(name if name.isprintable() else ascii(name) for name in sorted(names)[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def _refusal(uri: str, what: str) -> Refused:
    return Refused(
        f"The model in {uri} is not what was registered: {what}. No endpoint was given it. Train and register it again, or put "
        "the objects back as they were."
    )


@dataclass(frozen=True)
class _Folder:
    """The objects whose keys begin with `prefix`, which ends in `/`."""

    bucket: str
    prefix: str
    s3: Any

    def listing(self) -> dict[str, str]:
        """What the manifest lists: digests, by name."""
        key = f"{self.prefix}{_MANIFEST}"
        where = f"s3://{self.bucket}/{self.prefix}"
        try:
            found = json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())["files"]
        except self.s3.exceptions.ClientError as error:
            raise _refusal(where, f"its {_MANIFEST} cannot be read ({error})") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise _refusal(where, f"its {_MANIFEST} is no manifest of a model ({error!r:.200})") from error
        if not isinstance(found, dict) or not all(isinstance(digest, str) for digest in found.values()):
            raise _refusal(where, f"its {_MANIFEST} lists something else than files with their digests")
        return found

    def objects(self) -> dict[str, Mapping[str, Any]]:
        """What S3 lists, by name. Empty objects that stand for folders are none of the model's."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        found = {item["Key"].removeprefix(self.prefix): item for page in pages for item in page.get("Contents", ())}
        return {name: item for name, item in found.items() if not _is_no_file(name, item)}

    def digest_of(self, name: str, item: Mapping[str, Any]) -> str:
        """In hex. Empty for an object that went meanwhile."""
        wanted = {"Bucket": self.bucket, "Key": f"{self.prefix}{name}"}
        try:
            if "SHA256" in item.get("ChecksumAlgorithm", ()) and item.get("ChecksumType") == "FULL_OBJECT":
                kept = self.s3.head_object(**wanted, ChecksumMode="ENABLED").get("ChecksumSHA256", "")
                if kept:
                    return base64.b64decode(kept).hex()
            digest = hashlib.sha256()
            for part in self.s3.get_object(**wanted)["Body"].iter_chunks(_CHUNK):
                digest.update(part)
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                return ""
            raise
        return digest.hexdigest()


def _is_no_file(name: str, item: Mapping[str, Any]) -> bool:
    return (name.endswith("/") and not item.get("Size")) or name == "" or _BYTECODE in f"/{name}"
