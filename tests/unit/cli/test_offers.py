"""After a failed step the command that debugs it is offered, and works as it is printed."""

from __future__ import annotations

from typing import Any

import pytest

from sagelens.cli.hints import HINT
from sagelens.cli.offers import debug_offer
from sagelens.cli.result import error_of
from tests.unit.cli.test_hints import parsed


def document(kind: str, *, type_: str = "Processing", job: str | None = "arn:x") -> dict[str, Any]:
    step = {"name": "my-step", "type": type_, "job_arn": job}
    error = {"kind": kind, "step": "my-step", "message": "steps/a.py:3: KeyError: 'x'"}
    return {"execution_id": "abc", "status": "Failed", "error": error, "steps": [step], "failure_reason": ""}


@pytest.mark.parametrize("kind", ["step-failed", "bad-input", "bad-data", "bad-config"])
def test_a_failed_job_can_be_debugged(kind: str) -> None:
    error = error_of(document(kind))
    assert error is not None
    offered = HINT.findall(error.message)

    assert error.message.startswith("Step 'my-step': steps/a.py:3: KeyError: 'x'. `sagelens debug abc my-step`")
    assert [parsed(line) for line in offered] == [{"run": "abc", "step": "my-step", "env": "local"}] * 2


@pytest.mark.parametrize("kind", ["data-gate", "model-gate", "rolled-back", "refused", "interrupted"])
def test_a_verdict_is_not_debugged(kind: str) -> None:
    assert debug_offer(document(kind)) == ""


def test_a_step_without_a_job_is_not_debugged() -> None:
    assert debug_offer(document("step-failed", job=None)) == ""
    assert debug_offer(document("step-failed", type_="RegisterModel")) == ""
