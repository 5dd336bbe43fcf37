"""The image, as SageMaker would use it: containers are started, asked and stopped."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sagelens
from sagelens.values import digest_file
from tests.docker.conftest import ROOT, Run, let_others_read

SBOM = "/usr/share/sbom/sagelens.cdx.json"
INSTALLED = """
import json
from importlib.metadata import distributions
print(json.dumps(sorted(f"{each.metadata['Name']}=={each.version}" for each in distributions())))
"""
IMPORTED = (
    "boto3, duckdb, great_expectations, httptools, ibis, jinja2, matplotlib.figure, numpy.testing, pandas, pyarrow.compute, "
    "pyarrow.dataset, pyarrow.parquet, pydantic, scipy.sparse, scipy.stats, skops.io, sklearn.linear_model, sklearn.metrics, "
    "uvicorn, uvloop, xgboost, yaml"
)
SLEEPING = """
import time

def count() -> dict[str, int]:
    print("counting", flush=True)
    time.sleep(600)
"""


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True, timeout=900).stdout.strip()


def locked(path: str) -> dict[str, str]:
    found = re.findall(r"^([\w.\-]+)==(\S+?)(?: ;[^\\\n]*)? \\$", (ROOT / path).read_text(), re.MULTILINE)
    return dict(found)


def test_nobody_in_the_image_is_root_and_none_has_a_tool_to_build_or_install_with(run: Run) -> None:
    tools = "for each in pip pip3 gcc cc make git; do command -v $each; done; python3 -m pip 2>&1 | tail -1"

    assert run("id", "-u").strip() == "1000"
    assert run("sh", "-c", f"{tools}; true").strip().endswith("No module named pip")
    assert run("sh", "-c", f"{tools}; true").count("\n") == 1


def test_it_brings_no_code_of_ours(run: Run) -> None:
    assert "not found" in run("python3", "-c", "import importlib.util as u; print(u.find_spec('sagelens') or 'not found')")


def test_all_that_steps_and_servers_import_is_there_after_trimming(run: Run) -> None:
    assert (
        run("python3", "-W", "ignore", "-c", f"import {IMPORTED}; print(xgboost.__version__)").strip()
        == locked("constraints/py311.txt")["xgboost"]
    )


def test_its_libraries_have_the_versions_of_the_process_runtime() -> None:
    here, there = locked("constraints/py311.txt"), locked("constraints/image.txt")

    assert there.pop("xgboost-cpu") == here["xgboost"]
    assert "xgboost" not in there
    assert {name: here.get(name) for name in there} == there


def test_the_bill_of_materials_lists_what_is_installed_and_nothing_else(run: Run) -> None:
    components = json.loads(run("cat", SBOM))["components"]
    python = sorted(f"{each['name']}=={each['version']}" for each in components if each["purl"].startswith("pkg:pypi/"))
    debian = sorted(f"{each['name']}={each['version']}" for each in components if each["purl"].startswith("pkg:deb/"))

    assert python == json.loads(run("python3", "-c", INSTALLED))
    assert debian == sorted(run("dpkg-query", "-W", "-f", "${Package}=${Version}\\n").split())


def test_labels_tell_the_version_the_revision_and_the_lock(image: str) -> None:
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", image))

    assert labels["org.opencontainers.image.version"] == sagelens.__version__
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert re.fullmatch(r"[0-9a-f]{40}|unknown", labels["org.opencontainers.image.revision"])
    assert labels["sagelens.lock"] == digest_file(ROOT / "constraints" / "image.txt")


def test_every_library_brings_its_bytecode_and_a_job_writes_none(run: Run) -> None:
    find = "cd /opt/venv/lib/python3.11/site-packages; find . -name '*.py' | wc -l; find . -name '*.pyc' | wc -l"
    sources, compiled = map(int, run("sh", "-c", find).split())

    assert compiled == pytest.approx(sources, rel=0.01)  # a few sources are templates, no Python
    assert run("python3", "-c", "import sys; print(sys.dont_write_bytecode)").strip() == "True"


def test_a_changed_step_runs_in_the_same_image(run: Run, tmp_path: Path) -> None:
    answers = []
    for answer in (1, 2):
        root = job(tmp_path / str(answer), f"def count() -> dict[str, int]:\n    return {{'answer': {answer}}}\n")
        run("python3", "-m", "sagelens.job", "processing", options=mounts(root))
        answers.append(json.loads((root / "output" / "result" / "value.json").read_text())["answer"])

    assert answers == [1, 2]


def test_a_failing_step_says_why_and_leaves_the_message_where_sagemaker_reads_it(run: Run, tmp_path: Path) -> None:
    root = job(tmp_path, "def count() -> dict[str, int]:\n    raise ValueError('no rows')\n")

    with pytest.raises(subprocess.CalledProcessError) as caught:
        run("python3", "-m", "sagelens.job", "processing", options=mounts(root))

    assert caught.value.returncode == 1
    assert "step-failed: mine.py:2: ValueError: no rows" in caught.value.stderr


def test_serve_answers_and_ends_with_0_soon_after_sigterm(container: Callable[..., str], model: Path) -> None:
    server = container("serve", options=("--volume", f"{model}:/opt/ml/model:ro", "--publish", "127.0.0.1::8080"))
    wait_until(lambda: "Serving model" in logs(server), server)
    ping = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/ping').status)"
    assert docker("exec", server, "python3", "-c", ping) == "200"

    docker("stop", "--time", "30", server)

    assert docker("inspect", "--format", "{{.State.ExitCode}}", server) == "0"


def test_train_is_stopped_by_sigterm_and_names_it(container: Callable[..., str], tmp_path: Path) -> None:
    root = job(tmp_path, SLEEPING)
    inputs = [f"--volume={root / 'input' / name}:/opt/ml/input/data/{name}:ro" for name in ("code", "config")]
    training = container("train", options=tuple(inputs))
    wait_until(lambda: "counting" in logs(training), training)

    docker("stop", "--time", "30", training)

    assert docker("inspect", "--format", "{{.State.ExitCode}}", training) == "1"
    assert "SIGTERM" in logs(training)


def test_built_anew_without_a_cache_it_has_the_same_layers(image: str) -> None:
    layers = docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", image)
    base = docker("image", "inspect", "--format", '{{index .Config.Labels "org.opencontainers.image.base.name"}}', image)
    again = "sagelens:again"

    made_of = ("--build-arg", f"BASE={base}", "--file", str(ROOT / "infra" / "image" / "Dockerfile"))
    docker("build", "--no-cache", *made_of, "--tag", again, str(ROOT))

    try:
        assert docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", again) == layers
    finally:
        docker("image", "rm", again)


def job(root: Path, code: str) -> Path:
    """A job's folders, with the library and one step as its code."""
    shutil.copytree(ROOT / "sagelens", root / "input" / "code" / "sagelens", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "input" / "code" / "mine.py").write_text(code)
    step: dict[str, Any] = {
        "version": 1, "pipeline": "counting", "step": "count", "phase": "preparation", "function": "mine:count",
        "takes": [], "gives": ["result"], "params": {}, "environment": {}, "sources": {},
    }  # fmt: skip
    (root / "input" / "config").mkdir()
    (root / "input" / "config" / "step.json").write_text(json.dumps(step))
    let_others_read(root)
    for given in ("result", "evidence"):
        (root / "output" / given).mkdir(parents=True)
        (root / "output" / given).chmod(0o777)
    return root


def mounts(root: Path) -> tuple[str, ...]:
    inputs = [f"--volume={root / 'input' / name}:/opt/ml/processing/input/{name}:ro" for name in ("code", "config")]
    outputs = [f"--volume={root / 'output' / name}:/opt/ml/processing/output/{name}" for name in ("result", "evidence")]
    return (*inputs, *outputs, "--env", "PYTHONPATH=/opt/ml/processing/input/code")


def logs(container: str) -> str:
    shown = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True)
    return shown.stdout + shown.stderr


def wait_until(true: Callable[[], bool], container: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, logs(container)
        assert docker("inspect", "--format", "{{.State.Running}}", container) == "true", logs(container)
        time.sleep(0.1)
