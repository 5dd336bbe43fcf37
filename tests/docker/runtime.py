"""A local service in the docker runtime, and the containers that it made."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from sagelens.local import lifecycle
from sagelens.local.containers.engine import Engine
from sagelens.testing.service import client
from tests.unit.local_jobs.requests import processing, training

__all__ = ["IMAGE", "Service", "containers_of", "docker"]

IMAGE = os.environ.get("SAGELENS_IMAGE", "sagelens:local")


def docker(*arguments: str) -> str:
    return subprocess.run(("docker", *arguments), capture_output=True, text=True, check=True).stdout.strip()


def containers_of(root: Path) -> list[str]:
    """Names of all, running or not, that carry the label of the project in this folder."""
    label = f"label=sagelens.project={Engine(root / '.sagelens').project}"
    return docker("ps", "--all", "--filter", label, "--format", "{{.Names}}").split()


class Service:
    """Started in a folder of its own; its clients, and what its jobs left."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.start()

    def start(self) -> None:
        self.running = lifecycle.start(self.root, account="000000000000", region="eu-west-1", runtime="docker")
        self.sagemaker = client("sagemaker", self.running)
        self.s3 = client("s3", self.running)

    def stop(self) -> None:
        lifecycle.stop(self.root)

    def containers(self) -> list[str]:
        return containers_of(self.root)

    def put(self, key: str, content: str) -> str:
        path = self.root / ".sagelens" / "objects" / "bucket" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return f"s3://bucket/{key}"

    def get(self, key: str) -> str:
        return str(self.s3.get_object(Bucket="bucket", Key=key)["Body"].read().decode())

    def keys(self, prefix: str) -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket="bucket", Prefix=prefix).get("Contents", ())]

    def log(self, noun: str, name: str) -> str:
        """Nothing as long as the job has not begun."""
        path = self.root / f".sagelens/logs/aws/sagemaker/{noun}Jobs/{name}/algo-1"
        return path.read_text() if path.is_file() else ""

    def process(self, name: str, script: str, *, seconds: int = 120, instance: str = "ml.m5.large", **more: Any) -> None:
        """Start a shell script as a processing job, with one input and two outputs."""
        request = processing(
            name,
            script,
            inputs={"in": self.put(f"{name}/in/a.txt", "one\n").rpartition("/")[0]},
            outputs={"words": f"s3://bucket/{name}/words", "evidence": f"s3://bucket/{name}/evidence"},
            seconds=seconds,
        )
        request["AppSpecification"]["ImageUri"] = IMAGE
        request["ProcessingResources"]["ClusterConfig"]["InstanceType"] = instance
        self.sagemaker.create_processing_job(**(request | more))

    def train(self, name: str, script: str, **more: Any) -> None:
        request = training(
            name,
            script,
            channels={"rows": self.put(f"{name}/rows/a.txt", "one\n").rpartition("/")[0]},
            output=f"s3://bucket/{name}",
        )
        request["AlgorithmSpecification"]["TrainingImage"] = IMAGE
        self.sagemaker.create_training_job(**(request | more))

    def ended(self, noun: str, name: str, *, patience: float = 120) -> dict[str, Any]:
        """What Describe answers once the job has ended."""
        deadline = time.monotonic() + patience
        while True:
            found: dict[str, Any] = getattr(self.sagemaker, f"describe_{noun.lower()}_job")(**{f"{noun}JobName": name})
            if found[f"{noun}JobStatus"] not in {"InProgress", "Stopping"}:
                return found
            assert time.monotonic() < deadline, f"{name} is still {found[f'{noun}JobStatus']}"
            time.sleep(0.1)

    def wait_for(self, text: str, noun: str, name: str, *, patience: float = 60) -> None:
        """Wait until a job has written this."""
        deadline = time.monotonic() + patience
        while text not in self.log(noun, name):
            assert time.monotonic() < deadline, self.log(noun, name)
            time.sleep(0.05)
