"""The tiny models: told apart by their answers, and faulty as they were made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sagelens.serving.servable import Servable
from sagelens.testing import served
from sagelens.testing.models import Fault, ModelMaker, number_of, received

SERVE = """
import json, sys
from pathlib import Path
from sagelens.serving.servable import Servable

servable = Servable.load(Path(sys.argv[1]))
for number in map(int, sys.argv[2:]):
    print(float(servable.predict_rows([{"request": number}])[0]), flush=True)
"""


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> ModelMaker:
    return ModelMaker(tmp_path_factory.mktemp("models"), notes=True)


def served_as(folder: Path, root: Path, *requests: int) -> subprocess.CompletedProcess[str]:
    """Asked in a process of its own, where it lies as in a container."""
    (root / "opt" / "ml").mkdir(parents=True)
    (root / "opt" / "ml" / "model").symlink_to(folder)
    command = [sys.executable, "-c", SERVE, str(folder), *map(str, requests)]
    environment = {**os.environ, "SAGELENS_ROOT": str(root), "PYTHONPATH": str(Path(served.__file__).parents[2])}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def numbers_given(printed: str) -> list[tuple[int, bool]]:
    return [number_of(float(line)) for line in printed.splitlines()]


def test_the_score_says_which_model_answered(maker: ModelMaker) -> None:
    scores = [Servable.load(maker.make(number).folder).predict_rows([{"request": 0}])[0] for number in (101, 102)]

    assert [number_of(float(score)) for score in scores] == [(101, False), (102, False)]


def test_rubbish_is_what_the_golden_set_does_not_expect(maker: ModelMaker) -> None:
    model = maker.make(111, fault=Fault.RUBBISH)

    score = float(Servable.load(model.folder).predict_rows([{"request": 0}])[0])

    assert number_of(score) == (111, True)
    assert json.loads((model.folder / "golden.jsonl").read_text())["score"] != score


def test_a_raising_model_answers_samples_and_fails_requests(maker: ModelMaker, tmp_path: Path) -> None:
    done = served_as(maker.make(121, fault=Fault.RAISES).folder, tmp_path, 0, 7)

    assert numbers_given(done.stdout) == [(121, False)]
    assert "Model 121 fails on request 7" in done.stderr


def test_an_unhealthy_model_ends_its_server_before_it_answers(maker: ModelMaker, tmp_path: Path) -> None:
    done = served_as(maker.make(131, fault=Fault.UNHEALTHY).folder, tmp_path, 0)

    assert (done.returncode, done.stdout) == (1, "")


def test_a_dying_model_is_killed_by_its_last_request(maker: ModelMaker, tmp_path: Path) -> None:
    done = served_as(maker.make(141, fault=Fault.DIES, lifetime=3).folder, tmp_path, 0, 1, 2, 3, 4)

    assert (done.returncode, len(done.stdout.splitlines())) == (-9, 3)


def test_servers_note_the_requests_that_reached_them(maker: ModelMaker, tmp_path: Path) -> None:
    model = maker.make(151)

    served_as(model.folder, tmp_path / "one", 0, 21, 22)
    served_as(model.folder, tmp_path / "other", 23)

    assert sorted(received(tmp_path)) == [(151, 21), (151, 22), (151, 23)]


def test_a_number_that_a_score_cannot_hold_is_refused(maker: ModelMaker) -> None:
    with pytest.raises(ValueError, match="1 to 2047"):
        maker.make(2048)
