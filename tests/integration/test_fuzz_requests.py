"""Wrong requests of all kinds to a real service; see benchmarks/fuzz_requests.py, which sends more of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz_requests.py"
REQUESTS = 300


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = tmp_path_factory.mktemp("fuzz") / "figures.json"
    command = [sys.executable, str(BENCHMARK), "--requests", str(REQUESTS), "--seconds", "120", "--json", str(found)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert found.exists(), done.stderr
    assert "should be right" not in done.stdout
    measured: dict[str, Any] = json.loads(found.read_text())
    return measured


def test_no_request_is_answered_by_a_fault_of_ours(figures: dict[str, Any]) -> None:
    assert figures["failures"] == []
    assert figures["server_errors"] == 0
    assert not figures["died"]


def test_the_requests_are_of_all_protocols_and_some_of_them_right(figures: dict[str, Any]) -> None:
    assert figures["requests"] > REQUESTS  # those that lack one member come first
    assert figures["by_protocol"].keys() == {"json", "cbor", "query", "rest"}
    assert figures["by_status"]["200"] > 0


def test_a_bystander_was_answered_meanwhile(figures: dict[str, Any]) -> None:
    """How long it waited is measured by the benchmark, and hardly asserted on a machine that others use too."""
    assert figures["bystander_asked"] > 0
    assert figures["bystander_worst"] < 5
