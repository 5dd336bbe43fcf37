"""A run that was interrupted goes on, to the model that it would have made."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import xgboost
from xgboost.callback import CallbackContainer

from sagelens.project.model import XGBoostSettings
from sagelens.training import Boosted, Dataset, checkpoint_folder, fit_boosted

SETTINGS = XGBoostSettings(num_boost_round=60, early_stopping_rounds=12, max_depth=3)
SAMPLING = SETTINGS.model_copy(update={"subsample": 0.7, "colsample_bytree": 0.7})


class Interrupted(BaseException):
    """As a reclaimed instance ends a process: nothing is tidied up."""


@pytest.fixture(scope="module")
def rows(train_features: pa.Table) -> Dataset:
    return Dataset.of(train_features, name="train_features", label="late", keep=("carrier",))


@pytest.fixture(scope="module")
def held_out(validation_features: pa.Table) -> Dataset:
    return Dataset.of(validation_features, name="validation_features", label="late", keep=("carrier",))


@pytest.fixture(scope="module")
def whole(rows: Dataset, held_out: Dataset) -> Boosted:
    return fit_boosted(rows, held_out, settings=SETTINGS, seed=1)


def interrupted_after(
    rounds: int,
    rows: Dataset,
    held_out: Dataset,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: XGBoostSettings = SETTINGS,
) -> None:
    after = CallbackContainer.after_iteration
    seen = 0

    def dying(self: CallbackContainer, *given: object) -> bool:
        nonlocal seen
        seen += 1
        if seen > rounds:
            raise Interrupted
        return bool(after(self, *given))

    with monkeypatch.context() as patched:
        patched.setattr(CallbackContainer, "after_iteration", dying)
        with pytest.raises(Interrupted):
            fit_boosted(rows, held_out, settings=settings, seed=1, checkpoints=folder)


def same(one: Boosted, other: Boosted) -> bool:
    return (one.best_iteration, one.history, one.booster.save_raw("ubj")) == (
        other.best_iteration,
        other.history,
        other.booster.save_raw("ubj"),
    )


def test_checkpoints_do_not_change_the_model(whole: Boosted, rows: Dataset, held_out: Dataset, tmp_path: Path) -> None:
    assert same(fit_boosted(rows, held_out, settings=SETTINGS, seed=1, checkpoints=tmp_path), whole)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("settings", [SETTINGS, SAMPLING], ids=["all rows", "samples"])
@pytest.mark.parametrize("rounds", [3, 10, 25])
def test_an_interrupted_run_ends_with_the_same_bytes(
    rounds: int, settings: XGBoostSettings, rows: Dataset, held_out: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_after(rounds, rows, held_out, tmp_path, monkeypatch, settings)
    assert len(list(tmp_path.iterdir())) == (1 if rounds >= 10 else 0)

    resumed = fit_boosted(rows, held_out, settings=settings, seed=1, checkpoints=tmp_path)

    assert same(resumed, fit_boosted(rows, held_out, settings=settings, seed=1))


def test_without_checkpoints_it_boosts_as_xgboost_itself_does(whole: Boosted, rows: Dataset, held_out: Dataset) -> None:
    train = xgboost.QuantileDMatrix(rows.x, rows.y, feature_names=list(rows.features))
    validation = xgboost.QuantileDMatrix(held_out.x, held_out.y, feature_names=list(rows.features), ref=train)
    chosen = SETTINGS.model_dump(exclude={"num_boost_round", "early_stopping_rounds"})
    plain = xgboost.train(
        {**chosen, "tree_method": "hist", "seed": 1},
        train,
        num_boost_round=60,
        evals=[(validation, "validation")],
        early_stopping_rounds=12,
        verbose_eval=False,
    )

    assert plain[: plain.best_iteration + 1].save_raw("ubj") == whole.booster.save_raw("ubj")


def test_rounds_that_are_kept_are_not_trained_again(
    rows: Dataset, held_out: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted_after(17, rows, held_out, tmp_path, monkeypatch)
    (kept,) = tmp_path.iterdir()
    capsys.readouterr()

    interrupted_after(10, rows, held_out, tmp_path, monkeypatch)

    first, *rounds = capsys.readouterr().out.splitlines()
    assert first == "Training goes on from round 10, which a checkpoint kept."
    assert [line.partition(":")[0] for line in rounds] == [f"round {number}" for number in range(10, 20)]
    assert xgboost.Booster(model_file=kept).num_boosted_rounds() == 20


def test_a_checkpoint_of_other_data_or_settings_is_left_alone(
    rows: Dataset, held_out: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_after(17, rows, held_out, tmp_path, monkeypatch)
    (kept,) = tmp_path.iterdir()
    fewer = Dataset(name=rows.name, features=rows.features, x=rows.x[:500], y=rows.y[:500])

    resumed = fit_boosted(fewer, held_out, settings=SETTINGS, seed=1, checkpoints=tmp_path)

    assert same(resumed, fit_boosted(fewer, held_out, settings=SETTINGS, seed=1))
    assert list(tmp_path.iterdir()) == [kept]


def test_a_checkpoint_that_is_damaged_is_told_and_not_used(
    whole: Boosted, rows: Dataset, held_out: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_after(17, rows, held_out, tmp_path, monkeypatch)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:100])

    with pytest.warns(UserWarning, match="cannot be read, so training begins anew"):
        again = fit_boosted(rows, held_out, settings=SETTINGS, seed=1, checkpoints=tmp_path)

    assert same(again, whole)


def test_a_job_without_checkpoints_has_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGELENS_ROOT", str(tmp_path))
    assert checkpoint_folder() is None

    (tmp_path / "opt/ml/checkpoints").mkdir(parents=True)
    assert checkpoint_folder() == tmp_path / "opt/ml/checkpoints"
