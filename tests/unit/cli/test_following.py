"""Ctrl-C while an execution is followed."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from sagelens.cli import execution
from sagelens.errors import Interrupted

ARN = "arn:aws:sagemaker:us-east-1:000000000000:pipeline/flights/execution/abcdefghijkl"


class Connection:
    poll = (0.001, 0.001)


def test_a_ctrl_c_that_a_callback_swallowed_stops_the_following_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python prints and drops an exception that a finalizer raises."""
    looks = 0

    def read(*_: Any) -> dict[str, Any]:
        nonlocal looks
        looks += 1
        if looks == 2:
            Swallowing()
        return {"status": "Executing" if looks < 5 else "Succeeded"}

    class Swallowing:
        def __del__(self) -> None:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                dropped.append(True)

    dropped: list[bool] = []
    monkeypatch.setattr(execution, "read_document", read)
    before = signal.getsignal(signal.SIGINT)

    with pytest.raises(Interrupted, match=r"runs on.*sagelens follow abcdefghijkl"):
        execution.follow(Connection(), ARN, lambda _: None, own=False)  # type: ignore[arg-type]

    assert dropped == [True]
    assert looks == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_where_sigint_is_ignored_it_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "read_document", lambda *_: {"status": "Succeeded"})
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        execution.follow(Connection(), ARN, lambda _: None, own=False)  # type: ignore[arg-type]
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
