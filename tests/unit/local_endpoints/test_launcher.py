"""What a model server is started from, and who may ask it."""

import asyncio
import http.client
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sagelens.local.clock import ScaledClock
from sagelens.local.ports import Document
from sagelens.serving.manifest import write_manifest
from sagelens.serving.verified import KEY_VARIABLE, VERIFIED
from tests.unit.local_endpoints.conftest import Local, Programs, opened, variant
from tests.unit.serving.conftest import made, packaged  # noqa: F401  fixtures


def scenario(tmp_path: Path, test: Callable[[Local], Awaitable[None]], *command: str) -> None:
    async def run() -> None:
        async with opened(tmp_path, ScaledClock(600), processes=Programs(*command)) as local:
            await test(local)

    asyncio.run(run())


def folder_of(local: Local, name: str) -> Path:
    return local.objects.root / "models" / name


def put(local: Local, name: str, variable: str, value: str) -> None:
    """Set a variable of a model's container."""
    found = local.store.get("Model", name)
    assert found is not None
    container = {**found.body["PrimaryContainer"], "Environment": {variable: value}}
    local.store.update(found.arn, modified=0, body={**found.body, "PrimaryContainer": container})


async def created(local: Local, name: str) -> Document:
    await local.config(f"flights-{name}", variant(name))
    await local.call("CreateEndpoint", EndpointName="flights", EndpointConfigName=f"flights-{name}")
    return await local.settled()


def add(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text("")


def drop_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def change_and_say_so(folder: Path) -> None:
    (folder / "answer.txt").write_text("changed")
    write_manifest(folder)


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (add, "sitecustomize.py differ from manifest.json"),
        (drop_manifest, "manifest.json' cannot be read"),
        (change_and_say_so, "was to be served"),
    ],
)
def test_a_model_that_is_not_what_its_container_names_is_not_started(
    tmp_path: Path, tamper: Callable[[Path], None], said: str
) -> None:
    async def test(local: Local) -> None:
        local.model("small")
        put(local, "small", "SAGELENS_MODEL_DIGEST", write_manifest(folder_of(local, "small")))
        tamper(folder_of(local, "small"))

        failed = await created(local, "small")

        assert failed["EndpointStatus"] == "Failed"
        assert said in failed["FailureReason"]
        assert local.processes.started == []
        assert list((local.state / "servers").iterdir()) == []

    scenario(tmp_path, test)


def test_a_server_has_a_copy_of_its_own_that_nothing_in_the_bucket_changes(tmp_path: Path) -> None:
    async def test(local: Local) -> None:
        local.model("small")
        write_manifest(folder_of(local, "small"))
        await local.up("small")
        (folder_of(local, "small") / "answer.txt").write_text("changed")

        copy = Path(local.processes.started[0].env[VERIFIED])

        assert copy.is_relative_to(local.state)
        assert (copy / "answer.txt").read_text() == "small"
        assert (await local.invoke())["Body"] == b"small"

    scenario(tmp_path, test)


@pytest.mark.parametrize("variable", ["PYTHONPATH", "PYTHONSTARTUP", "LD_PRELOAD", VERIFIED, KEY_VARIABLE])
def test_no_variable_of_a_model_loads_code_or_opens_its_server(tmp_path: Path, variable: str) -> None:
    async def test(local: Local) -> None:
        local.model("small")
        put(local, "small", variable, "of the model")
        await local.up("small")

        assert local.processes.started[0].env.get(variable) != "of the model"

    scenario(tmp_path, test)


def test_each_server_has_a_key_that_its_requests_carry_and_nobody_is_told(tmp_path: Path) -> None:
    async def test(local: Local) -> None:
        await local.up(local.model("small"), count=2)

        keys = [spawn.env[KEY_VARIABLE] for spawn in local.processes.started]
        head = (await local.invoke(b"headers"))["Body"].decode()

        assert len(set(keys)) == 2
        assert sum(f"X-Sagelens-Key: {key}\r\n" in head for key in keys) == 1
        described = str(await local.describe())
        assert not any(key in described for key in keys)

    scenario(tmp_path, test)


def test_a_real_server_answers_the_service_and_nobody_else(packaged: Path, tmp_path: Path) -> None:  # noqa: F811
    row = (packaged / "sample.jsonl").read_bytes().splitlines()[0]

    async def test(local: Local) -> None:
        local.model("served")
        shutil.rmtree(folder_of(local, "served"))
        shutil.copytree(packaged, folder_of(local, "served"))
        await local.up("served")
        port = int(local.processes.started[0].env["SAGEMAKER_BIND_TO_PORT"])

        answered = await local.invoke(row, ContentType="application/json")
        others = await asyncio.to_thread(lambda: [directly(port, path, row) for path in ("/ping", "/invocations")])

        assert json.loads(answered["Body"])["predictions"]
        assert others == [403, 403]

    scenario(tmp_path, test, "-m", "sagelens.serving")


def directly(port: int, path: str, body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET" if path == "/ping" else "POST", path, body, {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    return status
