"""The object store over the S3 API: rclone behind our front, asked by boto3 and by raw bytes."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sagelens.local.objects import S3Server

KEY, SECRET = "SAGELENSKEY", "secret"


class Store:
    """A served folder with the bucket `bucket`; `s3` is a client that never tries twice."""

    def __init__(self, root: Path, port: int) -> None:
        self.root = root / "bucket"
        self.port = port
        self.s3: Any = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(retries={"max_attempts": 0}),
        )

    def put(self, key: str, body: bytes = b"1\n") -> None:
        self.s3.put_object(Bucket="bucket", Key=key, Body=body)

    def get(self, key: str) -> bytes:
        found: bytes = self.s3.get_object(Bucket="bucket", Key=key)["Body"].read()
        return found

    def refused(self, operation: str, **request: Any) -> tuple[int, str]:
        """Status and code."""
        with pytest.raises(ClientError) as raised:
            getattr(self.s3, operation)(Bucket="bucket", **request)
        said = raised.value.response
        return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]

    def raw(self, data: bytes) -> bytes:
        """All that is answered to these bytes until the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            client.sendall(data)
            return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("s3")
    sockets = Path(tempfile.mkdtemp(prefix="sl-"))
    root = folder / "objects"
    (root / "bucket").mkdir(parents=True)
    listener = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()
    server = S3Server(
        root, listener, access_key=KEY, secret_key=SECRET, log=folder / "log", sockets=sockets, records=folder / "rclone"
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    loop.call_soon_threadsafe(server.start)
    made = Store(root, server.port)
    _wait_for(made)
    yield made
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(20)
    made.s3.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    shutil.rmtree(sockets)


def _wait_for(store: Store) -> None:
    for _ in range(600):
        try:
            store.s3.list_buckets()
        except ClientError:
            threading.Event().wait(0.05)
        else:
            return
    raise AssertionError("rclone did not start")


@pytest.fixture
def at(request: pytest.FixtureRequest) -> str:
    """A prefix of the test's own."""
    return f"{abs(hash(request.node.name)):x}"


def test_objects_come_back_as_they_were_put(store: Store, at: str) -> None:
    large = os.urandom(3_000_000)
    for key, body in {"a b/ü+%2F?x#y": b"1", "empty": b"", "large": large}.items():
        store.put(f"{at}/{key}", body)

        assert store.get(f"{at}/{key}") == body


def test_an_upload_in_parts_is_whole(store: Store, at: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(20_000_000))

    store.s3.upload_file(str(tmp_path / "file"), "bucket", f"{at}/file")

    assert store.get(f"{at}/file") == (tmp_path / "file").read_bytes()


def test_a_marker_is_a_folder_that_takes_objects(store: Store, at: str) -> None:
    store.put(f"{at}/data/", b"")
    store.put(f"{at}/data/a.csv")

    assert store.get(f"{at}/data/a.csv") == b"1\n"
    assert store.s3.head_object(Bucket="bucket", Key=f"{at}/data/")["ContentLength"] == 0
    assert (store.get(f"{at}/data/"), (store.root / at / "data").is_dir()) == (b"", True)


def test_a_marker_for_a_folder_that_is_there_changes_nothing(store: Store, at: str) -> None:
    store.put(f"{at}/data/a.csv")
    store.put(f"{at}/data/", b"")
    store.s3.delete_object(Bucket="bucket", Key=f"{at}/data/")

    assert store.get(f"{at}/data/a.csv") == b"1\n"


def test_a_marker_is_deleted_with_its_empty_folder(store: Store, at: str) -> None:
    store.put(f"{at}/data/", b"")
    for _ in range(2):
        store.s3.delete_object(Bucket="bucket", Key=f"{at}/data/")

    assert not (store.root / at / "data").exists()
    assert store.refused("get_object", Key=f"{at}/data/") == (404, "NoSuchKey")


def test_a_marker_that_holds_something_is_refused(store: Store, at: str) -> None:
    assert store.refused("put_object", Key=f"{at}/data/", Body=b"x") == (400, "InvalidArgument")
    assert store.refused("create_multipart_upload", Key=f"{at}/data/") == (400, "InvalidArgument")


@pytest.mark.parametrize("key", ["k/x", "k/x/y", "k/", "folder"])
def test_no_key_is_an_object_and_a_folder(store: Store, at: str, key: str) -> None:
    store.put(f"{at}/k", b"kept")
    store.put(f"{at}/folder/x", b"kept")

    assert store.refused("put_object", Key=f"{at}/{key}", Body=b"") == (400, "InvalidRequest")
    assert store.get(f"{at}/k") == store.get(f"{at}/folder/x") == b"kept"


@pytest.mark.parametrize("key", ["folder", "k/x", "k/", "nothing", "nothing/at/all", "folder/"])
def test_deleting_a_key_that_is_no_object_deletes_nothing(store: Store, at: str, key: str) -> None:
    store.put(f"{at}/k")
    store.put(f"{at}/folder/x")
    store.s3.delete_object(Bucket="bucket", Key=f"{at}/{key}")

    assert store.get(f"{at}/k") == store.get(f"{at}/folder/x") == b"1\n"


@pytest.mark.parametrize("operation", ["put_object", "get_object", "head_object", "delete_object", "create_multipart_upload"])
@pytest.mark.parametrize(
    "key",
    ["a//b", "a/./b", "../b", "a/../b", "/a", "n" * 256, "é" * 128, "x/" * 600, "a\nb", "a\tb", "a\u2409b", ".sagelens-x"],
)
def test_what_cannot_be_a_path_is_refused_and_never_a_fault_of_ours(store: Store, operation: str, key: str) -> None:
    status, code = store.refused(operation, Key=key)

    assert status == 400
    assert code in {"InvalidArgument", "KeyTooLongError", "400"}  # of a HEAD only the status comes


def test_names_that_differ_in_case_or_form_are_different_objects(store: Store, at: str) -> None:
    keys = ["name", "Name", "\u00e9", "e\u0301", "dot.", "space ", "back\\slash"]
    for number, key in enumerate(keys):
        store.put(f"{at}/{key}", str(number).encode())

    assert [store.get(f"{at}/{key}") for key in keys] == [str(number).encode() for number in range(len(keys))]


def test_a_bucket_that_is_not_there_is_told_for_markers_too(store: Store) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        store.s3.put_object(Bucket="nothing", Key="data/", Body=b"")


def test_an_object_that_is_replaced_while_it_is_read_comes_back_whole(store: Store, at: str) -> None:
    """Old or new, and never missing."""
    versions = [bytes([number]) * 2_000_000 for number in (1, 2)]
    store.put(at, versions[0])
    done = threading.Event()

    def write() -> None:
        try:
            for number in range(12):
                store.put(at, versions[number % 2])
        finally:
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    read = []
    while not done.is_set():
        read.append(store.get(at))
    writer.join()

    assert read
    assert all(body in versions for body in read)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /bucket/x HTTP/1.1\r\nHost: x\r\n\r\n", b"403"),
        (b"PUT /bucket/x HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n", b"403"),
        (b"GET /bucket/x HTTP/1.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential=OTHER/x\r\n\r\n", b"403"),
        (b"GET /bucket/x?X-Amz-Credential=OTHER%2Fx HTTP/1.1\r\n\r\n", b"403"),
        (b"HELLO\r\n\r\n", b"400"),
        (b"GET /x HTTP/1.1\r\nA: " + b"x" * 70_000, b"400"),
        (b"POST /x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
    ],
)
def test_without_the_key_a_head_is_all_that_is_read(store: Store, data: bytes, status: bytes) -> None:
    assert store.raw(data).split(b" ")[1] == status


def test_the_key_alone_does_not_make_a_signature(store: Store) -> None:
    store.put("signed")
    credential = f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00"
    answer = store.raw(
        f"GET /bucket/signed HTTP/1.1\r\nHost: x\r\nAuthorization: {credential}\r\nConnection: close\r\n\r\n".encode()
    )

    assert answer.split(b" ")[1] in {b"403", b"400"}


def test_an_object_that_another_program_replaces_is_read_whole(store: Store, at: str) -> None:
    """As execution.json is, which the service writes beside rclone."""
    texts = {b"a" * 3_000, b"b" * 20_000}
    file = store.root / at / "file"
    file.parent.mkdir()
    file.write_bytes(b"a" * 3_000)
    ended = threading.Event()

    def replace() -> None:
        while not ended.is_set():
            for text in texts:
                (file.parent / "new").write_bytes(text)
                (file.parent / "new").replace(file)

    replacing = threading.Thread(target=replace)
    replacing.start()
    try:
        found = {store.get(f"{at}/file") for _ in range(300)}
    finally:
        ended.set()
        replacing.join()

    assert found == texts
