"""What the machine did, or nobody foresaw, is one message with an exit code of its own; never a traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sagelens.cli.failure import defect
from sagelens.cli.foreign import translate
from sagelens.errors import BadInput, DiskFull, SagelensError, ServiceUnavailable, StepFailed

ROOT = Path(__file__).resolve().parents[3]


def refused(code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "ListModels")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), DiskFull),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), DiskFull),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), BadInput),
        (OSError(errno.EMFILE, "Too many open files"), ServiceUnavailable),
        (OSError(errno.EROFS, "Read-only file system", "/x"), BadInput),
        (MemoryError(), StepFailed),
    ],
)
def test_what_the_machine_did(error: Exception, kind: type[SagelensError]) -> None:
    assert type(translate(error)) is kind


def test_a_service_that_was_replaced_is_no_credential_that_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "http://127.0.0.1:1")
    found = translate(refused("UnrecognizedClientException", 403))

    assert isinstance(found, ServiceUnavailable)
    assert "stopped, reset or replaced by another command" in found.message

    monkeypatch.delenv("AWS_ENDPOINT_URL_SAGEMAKER")
    assert "credentials have expired" in (translate(refused("UnrecognizedClientException", 403)) or BadInput("")).message


def test_a_fault_of_the_local_service_is_no_mistake_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "http://127.0.0.1:1")

    assert isinstance(translate(refused("InternalError", 500)), ServiceUnavailable)


def test_what_nobody_foresaw_keeps_its_traceback_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".sagelens").mkdir()
    monkeypatch.chdir(tmp_path)
    try:
        1 / 0  # noqa: B018 - for its traceback
    except ZeroDivisionError as error:
        found = defect(error)

    (file,) = (tmp_path / ".sagelens" / "logs").iterdir()
    assert found.exit_code == 70
    assert str(file) in found.message
    assert "ZeroDivisionError: division by zero" in file.read_text()


def command(*words: str, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from sagelens.cli.main import main; main()", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more.pop("environment", {})}
    return subprocess.run(program, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=60, **more)


@pytest.mark.parametrize(
    "words",
    [
        ("show", "last"),
        ("validate",),
        ("local", "status"),
        ("models", "list"),
        ("debug", "last", "x"),
        ("ui",),
    ],
)
def test_outside_a_project_every_command_says_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = command(*words, cwd=tmp_path)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "No sagelens project in" in done.stderr


@pytest.mark.parametrize(
    "environment", [{"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}, {"HOME": ""}]
)
def test_a_poor_environment_is_no_reason_to_fail(environment: dict[str, str]) -> None:
    done = command("run", "--help", cwd=ROOT, environment=environment)

    assert done.returncode == 0
    assert done.stderr == ""


def test_output_that_nobody_reads_is_no_error(tmp_path: Path) -> None:
    program = f"{sys.executable} -c 'from sagelens.cli.main import main; main()' run --help | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
