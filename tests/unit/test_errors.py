"""The error tree: kinds, exit codes, and the way of an error through a job's failure message."""

from __future__ import annotations

import pytest

from sagelens import errors

EXITS = {
    "error": 1,
    "step-failed": 1,
    "service-unavailable": 1,
    "bad-input": 2,
    "bad-config": 2,
    "bad-data": 2,
    "not-found": 2,
    "data-gate": 3,
    "model-gate": 4,
    "rolled-back": 5,
    "waiting-for-approval": 6,
    "inconclusive": 7,
    "refused": 8,
    "rollback-failed": 9,
    "disk-full": 10,
    "defect": 70,
    "interrupted": 130,
}


@pytest.mark.parametrize(("kind", "code"), EXITS.items())
def test_every_kind_has_its_exit_code(kind: str, code: int) -> None:
    assert errors.error_of_kind(kind).exit_code == code


def test_the_table_above_is_complete() -> None:
    classes = [getattr(errors, name) for name in errors.__all__]
    kinds = {kind.kind for kind in classes if isinstance(kind, type) and issubclass(kind, errors.SagelensError)}

    assert kinds == set(EXITS)


def test_an_error_survives_its_failure_message() -> None:
    message = errors.to_failure_message(errors.DataGateStopped("Gate 'raw':\n 3 of 4 checks passed"))

    again = errors.from_failure_message(message)

    assert message == "data-gate: Gate 'raw': 3 of 4 checks passed"
    assert isinstance(again, errors.DataGateStopped)
    assert again.message == "Gate 'raw': 3 of 4 checks passed"


@pytest.mark.parametrize("text", ["Killed", "ValueError: no", "unknown-kind: x"])
def test_a_message_of_others_is_a_failed_step(text: str) -> None:
    error = errors.from_failure_message(text)

    assert isinstance(error, errors.StepFailed)
    assert error.message == text


def test_a_full_disk_is_found_behind_whatever_was_made_of_it() -> None:
    def write() -> None:
        try:
            raise OSError(28, "No space left on device", "/data/x")  # noqa: TRY301 - as the system raises it
        except OSError as error:
            raise errors.BadData("The archive cannot be read.") from error

    with pytest.raises(errors.BadData) as raised:
        write()

    found = errors.disk_full(raised.value)
    assert found is not None
    assert "The disk is full (/data/x)" in found.message
    assert errors.disk_full(errors.BadData("another fault")) is None


@pytest.mark.parametrize("text", ["database or disk is full", "IO Error: Could not write file: No space left on device"])
def test_libraries_have_words_of_their_own_for_it(text: str) -> None:
    assert isinstance(errors.disk_full(RuntimeError(text)), errors.DiskFull)
