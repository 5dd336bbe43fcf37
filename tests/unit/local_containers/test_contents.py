"""What a container is given, and what it is told of its limits and its end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from sagelens.errors import ServiceUnavailable
from sagelens.local.containers.client import client_environment, require_docker
from sagelens.local.containers.contents import container_environment
from sagelens.local.containers.limits import GIB, Limits, limits_of
from sagelens.local.containers.local_mode import service_of
from sagelens.local.containers.order import Ended, Order
from sagelens.local.containers.process import code_of
from sagelens.local.containers.runtime import remove_containers

SERVICE = {
    "PATH": "/bin",
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "KEY",
    "AWS_SECRET_ACCESS_KEY": "SECRET",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000",
    "MLFLOW_TRACKING_PASSWORD": "hidden",
}
MACHINE = Limits(4, 16 * GIB)
ORDER = Order(
    noun="Processing",
    name="job",
    request={},
    root="/root",
    container="sagelens-1-job",
    user="1000:1000",
    network="none",
    environment={"PRICE": "$5"},
    secrets=["AWS_SECRET_ACCESS_KEY"],
    labels={"sagelens.project": "1"},
    cpus=2,
    memory=4 * GIB,
)


@pytest.mark.parametrize(
    ("instance", "cpus", "memory"),
    [("ml.t3.medium", 2, 4), ("ml.m5.large", 2, 8), ("ml.c5.large", 2, 4), ("ml.m5.4xlarge", 4, 16), ("ml.new.kind", 4, 16)],
)
def test_limits_are_those_of_the_instance_type_as_far_as_this_machine_has_them(instance: str, cpus: int, memory: int) -> None:
    assert limits_of(instance, MACHINE) == Limits(cpus, memory * GIB)


def test_an_isolated_container_knows_its_region_and_nothing_of_the_service() -> None:
    given = container_environment({"OWN": "1"}, SERVICE, isolated=True)

    assert given == {"HOME": "/tmp", "USER": "sagemaker", "AWS_REGION": "eu-west-1", "OWN": "1"}


def test_another_one_knows_where_the_service_is_but_its_secrets_are_not_among_the_values() -> None:
    on_linux = container_environment({}, SERVICE, isolated=False, platform="linux")
    on_a_mac = container_environment({}, SERVICE, isolated=False, platform="darwin")

    assert on_linux["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:9000"
    assert on_a_mac["AWS_ENDPOINT_URL_S3"] == "http://host.docker.internal:9000"
    assert not {"AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "PATH"} & {*on_linux, *on_a_mac}


def test_compose_is_told_what_the_job_asked_for_and_no_secret() -> None:
    made = {"image": "i", "tty": True, "networks": {"sagemaker-local": {}}, "environment": ["AWS_SECRET_ACCESS_KEY=SECRET"]}

    service = service_of({**made, "entrypoint": ["sh", "-c", "echo $HOME"], "volumes": ["/a$b/in:/opt/ml/in"]}, ORDER)

    assert service["environment"] == {"PRICE": "$$5", "AWS_SECRET_ACCESS_KEY": None}
    assert service["entrypoint"] == ["sh", "-c", "echo $$HOME"]
    assert service["volumes"] == ["/a$$b/in:/opt/ml/in"]
    assert "SECRET" not in json.dumps(list(service.values())).replace("AWS_SECRET_ACCESS_KEY", "")
    assert (service["network_mode"], service["user"], service["cap_drop"]) == ("none", "1000:1000", ["ALL"])
    assert not {"tty", "networks"} & service.keys()


def test_an_order_and_a_record_can_be_read_again_by_their_owner_only(tmp_path: Path) -> None:
    (tmp_path / "opt").mkdir()
    order = Order(**{**vars(ORDER), "root": str(tmp_path), "kept": ["evidence"]})
    path = order.write()
    Ended(code=3, out_of_memory=True).write(tmp_path)

    assert Order.read(path) == order
    assert path.stat().st_mode & 0o777 == 0o600
    assert Ended.read(tmp_path) == Ended(code=3, out_of_memory=True)
    assert Ended.read(tmp_path / "opt") == Ended()


def test_a_containers_exit_code_is_told_as_a_processs() -> None:
    assert [code_of(code) for code in (0, 3, 137, 143, 255, -9)] == [0, 3, -9, -15, 255, -9]


def _tool(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_no_client_no_engine_and_no_compose_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceUnavailable, match="there is no `docker` on PATH"):
        require_docker()

    _tool(tmp_path, "docker", "echo 'Cannot connect to the Docker daemon. Is it running?' >&2; exit 1")
    with pytest.raises(ServiceUnavailable, match="Cannot connect to the Docker daemon"):
        require_docker()

    _tool(tmp_path, "docker", '[ "$1" = version ]')
    with pytest.raises(ServiceUnavailable, match="needs Docker Compose"):
        require_docker()

    _tool(tmp_path, "docker-compose", "exit 0")
    require_docker()


def test_the_client_gets_nothing_of_the_shell_but_what_it_needs() -> None:
    shell = {"PATH": "/bin", "DOCKER_HOST": "unix:///s", "AWS_SECRET_ACCESS_KEY": "SECRET"}

    assert client_environment(shell) == {"PATH": "/bin", "DOCKER_HOST": "unix:///s"}


def test_what_may_be_left_is_remembered_until_an_engine_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    mark = tmp_path / "containers"
    mark.touch()

    asyncio.run(remove_containers(tmp_path))
    assert mark.exists()

    _tool(tmp_path, "docker", "exit 0")
    asyncio.run(remove_containers(tmp_path))
    assert not mark.exists()
