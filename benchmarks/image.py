"""What the image takes: its size, that of its compressed layers, what its libraries weigh, and how soon a container runs.

    python benchmarks/image.py [--image sagelens:local] [--json FILE]

Needs a Docker engine and the image (`sagelens image build`). Times are medians of several fresh containers.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import IO, Any

ROUNDS = 7
PACKAGES = "/opt/venv/lib/python3.11/site-packages"
PROGRAMS = {
    "python": "pass",
    "numpy": "import numpy",
    "pyarrow": "import pyarrow",
    "pandas": "import pandas",
    "duckdb": "import duckdb",
    "ibis": "import ibis",
    "sklearn": "import sklearn.linear_model",
    "xgboost": "import xgboost",
    "matplotlib": "import matplotlib.figure",
    "boto3": "import boto3",
    "great_expectations": "import great_expectations",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", default="sagelens:local")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = measure(options.image)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    show(figures)


def measure(image: str) -> dict[str, Any]:
    """Sizes in bytes, times in seconds."""
    facts = json.loads(docker("image", "inspect", image))[0]
    compressed = layers_of(image)
    started = {name: seconds(image, program) for name, program in PROGRAMS.items()}
    return {
        "image": image,
        "bytes": facts["Size"],
        "layers": len(compressed),
        "compressed_bytes": sum(compressed),
        "compressed_layers": compressed,
        "packages": weights(image),
        "seconds_to_run": started,
    }


def layers_of(image: str) -> list[int]:
    """The size of each layer as a registry would keep it: gzip, level 6, from the lowest to the highest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.tar"
        docker("save", "--output", str(path), image)
        with tarfile.open(path) as saved:
            (manifest,) = json.load(member(saved, "manifest.json"))
            return [compressed_size(member(saved, layer)) for layer in manifest["Layers"]]


def member(saved: tarfile.TarFile, name: str) -> IO[bytes]:
    found = saved.extractfile(name)
    assert found is not None, name
    return found


class Counted:
    """A file that keeps nothing of what is written to it."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes) -> int:
        self.size += len(data)
        return len(data)

    def flush(self) -> None: ...


def compressed_size(layer: IO[bytes]) -> int:
    counted = Counted()
    with gzip.GzipFile(fileobj=counted, mode="wb", compresslevel=6, mtime=0) as target:  # type: ignore[call-overload]
        while block := layer.read(1 << 20):
            target.write(block)
    return counted.size


def weights(image: str) -> dict[str, int]:
    """The heaviest folders of the environment, in bytes on disk."""
    listed = docker("run", "--rm", "--network", "none", image, "sh", "-c", f"cd {PACKAGES} && du -sk * | sort -rn | head -12")
    return {name: int(size) * 1024 for size, name in (line.split("\t") for line in listed.splitlines())}


def seconds(image: str, program: str) -> float:
    """From `docker run` until the program's interpreter is done. The first container only warms up."""
    taken = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        ready = subprocess.Popen(
            ["docker", "run", "--rm", "--network", "none", image, "python3", "-c", f"{program}\nprint('up')"],
            stdout=subprocess.PIPE,
        )
        assert ready.stdout is not None
        assert ready.stdout.readline() == b"up\n"
        taken.append(time.perf_counter() - started)
        ready.communicate()
    return round(statistics.median(taken[1:]), 3)


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, text=True, stdout=subprocess.PIPE).stdout


def show(figures: dict[str, Any]) -> None:
    print(f"{figures['image']}: {figures['bytes'] / 1e6:.0f} MB on disk, {figures['layers']} layers")
    each = ", ".join(f"{size / 1e6:.1f}" for size in figures["compressed_layers"])
    print(f"compressed: {figures['compressed_bytes'] / 1e6:.0f} MB ({each})")
    for name, size in figures["packages"].items():
        print(f"  {name:<48} {size / 1e6:6.1f} MB")
    for name, taken in figures["seconds_to_run"].items():
        print(f"  docker run … import {name:<30} {taken:6.2f} s")


if __name__ == "__main__":
    main()
