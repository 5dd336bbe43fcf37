"""Many commands at once, a disk without room, and a service that goes while a command runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.conftest import Outcome, Workspace, workspace_at

AT_ONCE = (
    ("local", "start"),
    ("validate", "--json"),
    ("runs", "--json"),
    ("models", "list", "--json"),
    ("endpoints", "--json"),
)


def test_ten_commands_at_once_from_nothing_running_all_end_rightly(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path)
    try:
        with ThreadPoolExecutor(10) as pool:
            outcomes = list(pool.map(lambda words: workspace.run(*words), AT_ONCE * 2))
        assert [(outcome.code, outcome.err) for outcome in outcomes if outcome.code] == []
        assert not any("Traceback" in outcome.err for outcome in outcomes)
        log = (tmp_path / ".sagelens" / "logs" / "service.log").read_text()
        assert log.count("answering on") == 1
    finally:
        workspace.run("local", "stop")


@pytest.mark.skipif(os.geteuid() != 0 or not sys.platform.startswith("linux"), reason="a small disk is mounted, by root on Linux")
def test_a_full_disk_is_called_one_and_with_room_it_goes_on(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=True)
    try:
        workspace = workspace_at(disk)
        full = workspace.run("run", "training", "--no-deploy", "--json")
        assert (full.code, full.json["error"]["kind"]) == (10, "disk-full"), full.err
        assert "Traceback" not in full.err

        subprocess.run(["mount", "-o", "remount,size=2g", str(disk)], check=True)
        again = workspace.run("run", "training", "--no-deploy", "--json")
        assert again.code == 0, again.err
        workspace.run("local", "stop")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_service_that_is_replaced_under_a_command_is_said_to_be(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path)
    assert workspace.run("local", "start").code == 0
    try:
        outcome = _with_another_key(workspace)
        assert outcome.code == 1
        assert "stopped, reset or replaced by another command" in outcome.err
    finally:
        workspace.run("local", "stop")


def _with_another_key(workspace: Workspace) -> Outcome:
    """As for a command that read `service.json` before the service was started anew: all is right, but for the key."""
    file = workspace.root / ".sagelens" / "service.json"
    known = file.read_text()
    about = json.loads(known)
    file.write_text(json.dumps({**about, "access_key": "SAGELENS0000000000000000"}))
    try:
        return workspace.run("models", "list")
    finally:
        file.write_text(known)
