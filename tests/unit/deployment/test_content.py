"""What lies in S3 is the registered model, object by object."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.response import StreamingBody
from botocore.stub import Stubber

from sagelens.deployment.content import prove_content
from sagelens.errors import Refused
from sagelens.testing.bucket import Bucket
from sagelens.values import digest_bytes, digest_listing

URI = "s3://b/group/7/servable"
BODIES = {"model/model.ubj": b"trees", "golden.jsonl": b"{}\n", "code/steps/features.py": b"x = 1\n"}
FILES = {name: digest_bytes(body) for name, body in BODIES.items()}
DIGEST = digest_listing(FILES)
KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}


@pytest.fixture(scope="module")
def s3() -> Any:
    return boto3.session.Session().client("s3", config=Config(s3={"addressing_style": "path"}), **KEYS)


@pytest.fixture
def objects() -> Any:
    """What lies in the bucket, by its path."""
    bucket = Bucket()
    bucket.objects |= {f"b/group/7/servable/{name}": body for name, body in BODIES.items()}
    bucket.objects["b/group/7/servable/manifest.json"] = json.dumps({"digest": DIGEST, "files": FILES}).encode()
    bucket.objects["b/group/7/servable-of-another/evil.py"] = b"not ours"
    client = boto3.session.Session().client("s3", config=Config(s3={"addressing_style": "path"}), **KEYS)
    bucket.serve(client)
    return client, bucket.objects


@pytest.mark.parametrize("uri", [URI, f"{URI}/"])
def test_the_model_as_it_was_packaged_is_proved(objects: Any, uri: str) -> None:
    prove_content(uri, DIGEST, s3=objects[0])


@pytest.mark.parametrize("name", ["", "model/", "code/steps/__pycache__/features.cpython-311.pyc", "__pycache__/x.pyc"])
def test_markers_of_folders_and_bytecode_are_no_part_of_it(objects: Any, name: str) -> None:
    client, held = objects
    held[f"b/group/7/servable/{name}"] = b"" if name.endswith("/") or not name else b"never read"

    prove_content(URI, DIGEST, s3=client)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model/model.ubj": b"treeS"}, "changed: model/model.ubj"),
        ({"golden.jsonl": None}, "missing: golden.jsonl"),
        ({"code/sitecustomize.py": b"import os"}, "not part of it: code/sitecustomize.py"),
        (
            {"golden.jsonl": b"", "code/a": b"", "model/model.ubj": None},
            "changed: golden.jsonl; missing: model/model.ubj; not part",
        ),
        ({f"x{number}": b"" for number in range(7)}, "not part of it: x0, x1, x2, x3, x4 and 2 more"),
        ({"manifest.json": b"{}"}, "is no manifest of a model"),
        ({"manifest.json": b"[" * 100_000}, "is no manifest of a model"),
        ({"manifest.json": b'{"files": {"a": 1}}'}, "lists something else than files with their digests"),
        ({"manifest.json": json.dumps({"digest": DIGEST, "files": {}}).encode()}, "lists a model of digest"),
        ({"manifest.json": None}, "cannot be read"),
    ],
)
def test_anything_else_is_refused_by_name(objects: Any, change: dict[str, bytes | None], said: str) -> None:
    client, held = objects
    for name, body in change.items():
        if body is None:
            del held[f"b/group/7/servable/{name}"]
        else:
            held[f"b/group/7/servable/{name}"] = body

    with pytest.raises(Refused, match=said) as refused:
        prove_content(URI, DIGEST, s3=client)

    assert "No endpoint was given it" in refused.value.message


@pytest.mark.parametrize(("content", "sound"), [(b"trees", True), (b"other", False)])
def test_a_checksum_that_s3_keeps_is_taken_and_the_object_not_read(s3: Any, content: bytes, sound: bool) -> None:
    files = {"model.ubj": digest_bytes(b"trees")}
    manifest = json.dumps({"files": files}).encode()
    kept = base64.b64encode(hashlib.sha256(content).digest()).decode()
    with Stubber(s3) as stub:
        stub.add_response("get_object", {"Body": body_of(manifest)}, {"Bucket": "b", "Key": "m/manifest.json"})
        listed = {"Size": 5, "ChecksumAlgorithm": ["SHA256"], "ChecksumType": "FULL_OBJECT"}
        contents = [{"Key": "m/manifest.json", "Size": 9}, {"Key": "m/model.ubj", **listed}]
        stub.add_response("list_objects_v2", {"IsTruncated": False, "Contents": contents})
        asked = {"Bucket": "b", "Key": "m/model.ubj", "ChecksumMode": "ENABLED"}
        stub.add_response("head_object", {"ChecksumSHA256": kept}, asked)
        if sound:
            prove_content("s3://b/m", digest_listing(files), s3=s3)
        else:
            with pytest.raises(Refused, match=r"changed: model\.ubj"):
                prove_content("s3://b/m", digest_listing(files), s3=s3)
        stub.assert_no_pending_responses()


def body_of(content: bytes) -> Any:
    return StreamingBody(io.BytesIO(content), len(content))
