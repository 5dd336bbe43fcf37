"""Model servers in real containers, behind the same router as processes."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sagelens.testing.service import client
from sagelens.values import digest_bytes, digest_listing
from tests.docker.runtime import IMAGE, Service, docker

SERVER = """
import http.server, json, os, socket

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer({name: globals()[name](*given) for name, given in asked.items()})

    def answer(self, body):
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

def connects(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        return str(error)
    return "yes"

def writes(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return error.strerror
    return "yes"

def environment(name):
    return os.environ.get(name)

def dies():
    os._exit(7)

http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
"""What the image's `serve` finds in the model's code: it does what a request asks for, and tells how that went."""


class Served:
    """A model of that kind behind an endpoint."""

    def __init__(self, service: Service, name: str, *, isolated: bool, instance: str) -> None:
        self.service, self.name = service, name
        code = {"__init__.py": "", "serving/__init__.py": "", "serving/__main__.py": SERVER}
        files = {"name.txt": name, **{f"code/sagelens/{path}": text for path, text in code.items()}}
        listed = {path: digest_bytes(text.encode()) for path, text in files.items()}
        for path, text in files.items():
            service.put(f"{name}/{path}", text)
        manifest = json.dumps({"digest": digest_listing(listed), "files": listed})
        uri = service.put(f"{name}/manifest.json", manifest).rpartition("/")[0]
        source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
        service.sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}, "Environment": {"GREETING": "hello"}},
            ExecutionRoleArn="arn:aws:iam::000000000000:role/Any",
            EnableNetworkIsolation=isolated,
        )
        variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": instance}
        service.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        service.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        self._runtime = client("sagemaker-runtime", service.running)

    def settled(self) -> dict[str, Any]:
        while True:
            found: dict[str, Any] = self.service.sagemaker.describe_endpoint(EndpointName=self.name)
            if found["EndpointStatus"] != "Creating":
                return found
            time.sleep(0.05)

    def ask(self, **questions: list[Any]) -> dict[str, Any]:
        answer = self._runtime.invoke_endpoint(EndpointName=self.name, Body=json.dumps(questions), ContentType="application/json")
        answers: dict[str, Any] = json.loads(answer["Body"].read())
        return answers

    def container(self) -> str:
        """The one whose model, a copy of the service's own, says this name."""
        (name,) = (each for each in self.service.containers() if self._is_served_by(each))
        return name

    def _is_served_by(self, container: str) -> bool:
        (mount,) = json.loads(docker("inspect", "--format", "{{json .Mounts}}", container))
        return (Path(mount["Source"]) / "name.txt").read_text() == self.name


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("project"))
    yield service
    service.stop()
    assert service.containers() == []


@pytest.fixture(scope="module")
def served(service: Service) -> Served:
    served = Served(service, "open", isolated=False, instance="ml.c5.large")
    assert served.settled()["EndpointStatus"] == "InService"
    return served


def test_a_server_answers_and_has_what_its_instance_type_has(served: Served) -> None:
    limits = json.loads(docker("inspect", "--format", "{{json .HostConfig}}", served.container()))

    assert served.ask(environment=["GREETING"]) == {"environment": "hello"}
    assert limits["Memory"] == limits["MemorySwap"] == 4 * 1024**3
    assert limits["NanoCpus"] == min(2, len(os.sched_getaffinity(0))) * 10**9
    assert [binding["HostIp"] for binding in limits["PortBindings"]["8080/tcp"]] == ["127.0.0.1"]


def test_a_server_writes_to_memory_alone_and_knows_no_credentials(served: Served) -> None:
    assert served.ask(writes=["/opt/ml/model/x"]) == {"writes": "Read-only file system"}
    assert served.ask(writes=["/srv/x"]) == {"writes": "Read-only file system"}
    assert served.ask(writes=["/tmp/x"]) == {"writes": "yes"}
    assert served.ask(environment=["AWS_SECRET_ACCESS_KEY"]) == {"environment": None}


def test_a_server_that_dies_is_replaced(served: Served) -> None:
    before = served.container()
    with pytest.raises(Exception, match="InvokeEndpoint"):
        served.ask(dies=[])

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if served.ask(environment=["GREETING"]) == {"environment": "hello"} and served.container() != before:
                return
        except (ValueError, served._runtime.exceptions.ClientError):
            time.sleep(0.1)
    pytest.fail("no other server took its place")


@contextmanager
def outside() -> Iterator[str]:
    """A host beyond this one, that answers on port 7777 to those whose addresses it knows a way to: this machine's."""
    host, here = "10.213.77.2", "10.213.77.1"
    listen = (
        f"import socket; s = socket.create_server(('{host}', 7777)); print('ready', flush=True)\n"
        "while True: s.accept()[0].close()"
    )
    for command in (
        "ip netns add sagelens-outside",
        "ip link add sgl-here type veth peer name sgl-there netns sagelens-outside",
        f"ip addr add {here}/24 dev sgl-here",
        "ip link set sgl-here up",
        f"ip -n sagelens-outside addr add {host}/24 dev sgl-there",
        "ip -n sagelens-outside link set sgl-there up",
    ):
        subprocess.run(command.split(), check=True)
    listener = subprocess.Popen(["ip", "netns", "exec", "sagelens-outside", "python3", "-c", listen], stdout=subprocess.PIPE)
    try:
        assert listener.stdout is not None
        assert listener.stdout.readline() == b"ready\n"
        yield host
    finally:
        listener.kill()
        listener.communicate()
        subprocess.run(["ip", "netns", "delete", "sagelens-outside"], check=True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a host outside this one")
def test_nothing_goes_out_from_an_isolated_server_though_it_answers(service: Service, served: Served) -> None:
    isolated = Served(service, "isolated", isolated=True, instance="ml.m5.large")
    assert isolated.settled()["EndpointStatus"] == "InService"

    with outside() as host:
        assert served.ask(connects=[host, 7777]) == {"connects": "yes"}
        assert isolated.ask(connects=[host, 7777]) == {"connects": "timed out"}
        assert isolated.ask(environment=["GREETING"]) == {"environment": "hello"}


def test_servers_of_an_endpoint_that_is_deleted_are_gone(service: Service) -> None:
    leaving = Served(service, "leaving", isolated=False, instance="ml.m5.large")
    leaving.settled()
    container = leaving.container()

    service.sagemaker.delete_endpoint(EndpointName="leaving")
    deadline = time.monotonic() + 30
    while container in service.containers():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_an_endpoint_whose_image_is_not_there_fails_and_says_what_to_do(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.docker.test_runtime_servers.IMAGE", "nobody-has-this:1")

    failed = Served(service, "imageless", isolated=False, instance="ml.m5.large").settled()

    assert failed["EndpointStatus"] == "Failed"
    assert "sagelens image build" in failed["FailureReason"]
