"""What the sections say."""

from __future__ import annotations

import base64

import pytest

from sagelens.evaluation.report import Execution, render
from sagelens.evaluation.report.curves import curve_views
from sagelens.evaluation.report.evaluation import champion_view, evaluation_view
from sagelens.evaluation.report.figures import figure_views
from sagelens.evaluation.report.gates import gate_views
from sagelens.evaluation.report.headline import failure_view, milestones, tiles
from sagelens.evaluation.report.interval import interval_view
from sagelens.evaluation.report.lineage import lineage_view
from sagelens.evaluation.report.page import page_of
from sagelens.evaluation.report.profile import profile_view
from sagelens.evaluation.report.release import release_view
from sagelens.evaluation.report.steps import State, execution_view
from tests.unit.report.example import (
    SVG,
    Run,
    artifact,
    check,
    deployment,
    digest,
    material,
    scoring,
    stopped_at_the_raw_gate,
    training,
    verdict,
)


def test_a_gate_shows_what_failed_first_the_critical_before_the_rest() -> None:
    run = Run().step("raw-gate", phase="data-quality")
    run.left(
        "raw-gate",
        verdicts=[
            verdict(
                "raw",
                check("expect_a"),
                check("expect_b", passed=False, severity="info"),
                check("expect_c", passed=False),
                check("expect_d", passed=False, severity="warning"),
            )
        ],
    )

    (gate,) = gate_views(material(run.done()))

    assert [one.name for one in gate.checks] == ["C", "D", "B", "A"]
    assert [one.stops for one in gate.checks] == [True, False, False, False]
    assert not gate.passed


def test_sample_rows_have_every_column_that_one_of_them_has() -> None:
    run = Run().step("g", phase="data-quality")
    run.left("g", verdicts=[verdict("g", check("x", passed=False, sample=[{"a": 1}, {"b": None}]))])

    (gate,) = gate_views(material(run.done()))

    assert gate.failed[0].columns == ("a", "b")
    assert gate.failed[0].rows == (("1", "\N{EN DASH}"), ("\N{EN DASH}", "\N{EN DASH}"))


def test_a_step_is_in_the_state_that_a_reader_would_say() -> None:
    states = {step.name: step.state for step in execution_view(training(), 0, "delays").steps}
    stopped = {step.name: step.state for step in execution_view(stopped_at_the_raw_gate(), 0, "delays").steps}

    assert states["collect"] is State.DONE
    assert states["train"] is State.REUSED
    assert stopped["collect"] is State.DONE
    assert {stopped[name] for name in ("raw-gate", "raw-gate-passed", "raw-gate-stopped")} == {State.FAILED}


def test_an_execution_counts_its_jobs_and_those_taken_from_the_cache() -> None:
    view = execution_view(training(), 0, "delays")

    assert (view.name, view.jobs, view.hits, view.seconds) == ("training", 7, 1, 9.0)


def test_bars_of_the_timeline_follow_one_another_to_the_end() -> None:
    bars = execution_view(deployment(), 0, "delays").timed

    assert [(bar.name, bar.begin, bar.share) for bar in bars] == [("deploy", 0.0, 50.0), ("smoke-test", 50.0, 50.0)]


def test_a_failure_names_the_gate_that_judged_not_the_step_that_says_so() -> None:
    found = material(stopped_at_the_raw_gate())
    gates = gate_views(found)

    failure = failure_view(found, page_of(found).executions, gates)

    assert failure is not None
    assert (failure.step, failure.kind, failure.title) == ("raw-gate", "data-gate", "Stopped by a data gate")
    assert failure.gate is gates[0]
    assert failure.logs_command == "sagelens logs run1 raw-gate"


def test_a_stopped_run_without_an_error_says_so() -> None:
    run = Run(status="Stopped").step("collect", phase="collection", status="Stopped")
    found = material(run.done())

    failure = page_of(found).failure

    assert failure is not None
    assert failure.title == "Run stopped"
    assert page_of(found).executions[0].steps[0].state is State.STOPPED


def test_tiles_of_a_run_with_a_model_begin_with_how_good_it_is() -> None:
    found = material(training(), deployment())
    shown = {tile.label: tile for tile in tiles(found, gate_views(found), release_view(found))}

    assert list(shown)[:2] == ["ROC AUC", "Over baseline"]
    assert shown["Over baseline"].tone == "good"
    assert shown["Cost per 1,000"].note == "rebookings; 33.3 % saved"
    assert shown["Checks passed"].value == "2/3"
    assert shown["Endpoint"].value == "delays"


def test_a_gain_that_may_be_none_is_not_good() -> None:
    execution = training()
    execution.values["evaluation"]["gain"]["low"] = -0.001
    found = material(execution)

    shown = {tile.label: tile.tone for tile in tiles(found, [], release_view(found))}

    assert shown["Over baseline"] == "bad"


def test_scored_rows_are_a_tile() -> None:
    found = material(scoring())

    assert ("Rows scored", "27,268") in [(tile.label, tile.value) for tile in tiles(found, [], release_view(found))]


@pytest.mark.parametrize(
    ("approval", "says", "tone"),
    [("Approved", "approved", "good"), ("PendingManualApproval", "waits for approval", "warn"), ("Rejected", "rejected", "bad")],
)
def test_the_approval_is_a_decision_on_the_way(approval: str, says: str, tone: str) -> None:
    execution = training()
    execution.values["registration"]["approval"] = approval
    release = release_view(material(execution))

    (found,) = milestones([], [], release)

    assert (found.label, found.says, found.tone) == ("Registered", says, tone)


def test_a_failed_deployment_is_a_decision_on_the_way() -> None:
    failed = Run("deployment", status="Failed").step("deploy", phase="deployment", status="Failed").done()

    assert [(one.label, one.tone) for one in page_of(material(training(), failed)).milestones][-1] == ("Deployment", "bad")


def test_an_interval_is_placed_within_its_drawing_in_order() -> None:
    view = interval_view({"estimate": 0.5, "low": 0.2, "high": 0.9, "confidence": 0.95})

    assert 0 < view.zero < view.low < view.estimate < view.high < 100
    assert view.good


def test_a_gate_with_a_margin_says_whether_a_difference_is_good() -> None:
    execution = training()
    allowed = check("difference in roc_auc", subject="the challenger against the champion")
    execution.evidence["model-gate"]["verdicts"] = [verdict("model", allowed, kind="model")]

    champion = champion_view(material(execution))

    assert champion is not None
    assert champion.interval is not None
    assert champion.interval.good
    assert champion.rows[0] == ("ROC AUC", "0.6884", "0.6871")


def test_a_first_model_has_no_figures_of_a_champion() -> None:
    execution = training()
    execution.values["comparison"] = {"outcome": "no champion", "group": "delays", "challenger_digest": digest("model")}

    champion = champion_view(material(execution))

    assert champion is not None
    assert champion.rows == ()
    assert champion.interval is None


def test_the_evaluation_says_what_the_errors_cost() -> None:
    view = evaluation_view(material(training()))

    assert view is not None
    assert view.business is not None
    assert view.business.sentence == (
        "The model's errors cost 500 rebookings per 1,000 predictions, 250 less than to always predict late."
    )
    assert ("Recall", "80.0 %", "of 250 rows with late") in view.facts
    assert view.small_slices == "carrier OO (5 rows)"


def test_a_slice_is_placed_against_the_whole() -> None:
    view = evaluation_view(material(training()))

    assert view is not None
    assert 0 < view.slices[0].place < view.slices[0].whole <= 100


def test_figures_come_in_the_order_in_which_they_are_read_and_carry_their_bytes() -> None:
    views = figure_views({"zebra": SVG, "cost": SVG, "roc": SVG})

    assert [view.title for view in views] == ["Roc", "Cost", "Zebra"]
    assert base64.b64decode(views[0].source.partition(",")[2]).decode() == SVG
    assert (views[0].width, views[0].aspect) == (384, 1.333)


def test_a_figure_of_unknown_size_still_has_one() -> None:
    assert figure_views({"odd": "<svg/>"})[0].aspect == 1.4


def test_a_column_shows_the_worst_of_its_splits() -> None:
    view = profile_view(material(training()))

    assert view is not None
    (column,) = view.columns
    assert view.splits == (("train", 200, 0.2), ("test", 100, 0.25))
    assert column.missing == 0.1
    assert (column.drift, column.drift_tone, column.middle) == (0.4, "bad", "UA, 75.0 %")
    assert column.bars[0].height > column.bars[1].height
    assert all(bar.y + bar.height == pytest.approx(view.height) for bar in column.bars)


def test_a_column_with_many_values_shows_the_most_frequent() -> None:
    execution = training()
    bins = [{"label": str(i), "counts": {"train": i, "test": 1}, "rate": None, "lower": None, "upper": None} for i in range(90)]
    execution.values["profile"]["columns"][0]["bins"] = bins

    view = profile_view(material(execution))

    assert view is not None
    assert len(view.columns[0].bars) == 40
    assert view.columns[0].bars[0].says.startswith("50:")


def test_lineage_leads_from_sources_to_users_and_compares_digests() -> None:
    view = lineage_view(material(training()))

    assert [source.name for source in view.sources] == ["flights"]
    assert {made.name: (made.step, made.used_by) for made in view.made}["flights"] == ("collect", ("raw-gate",))
    assert (view.compared, view.agreeing) == (2, 2)


def test_an_input_with_another_digest_is_named() -> None:
    execution = training()
    execution.evidence["evaluate"]["inputs"] = [artifact("model", "folder", seed="another")]

    assert lineage_view(material(execution)).apart == ("model, taken by evaluate",)
    assert "1 do not carry the digest" in render(material(execution))


def tones(execution: Execution, *others: Execution) -> dict[str, tuple[str, str]]:
    found = material(execution, *others)
    return {tile.label: (tile.value, tile.tone) for tile in tiles(found, gate_views(found), release_view(found))}


def test_a_model_that_costs_more_than_the_baseline_is_not_good() -> None:
    execution = training()
    business = execution.values["evaluation"]["business"]
    assert tones(execution)["Cost per 1,000"][1] == "good"

    business["baseline_cost_per_1000"] = business["cost_per_1000"] - 1

    assert tones(execution)["Cost per 1,000"][1] == "bad"


@pytest.mark.parametrize(("target", "value", "tone"), [(1000.0, "met", "good"), (1.0, "missed", "bad")])
def test_a_kpi_in_the_unit_of_the_costs_is_met_or_missed(target: float, value: str, tone: str) -> None:
    execution = training()
    execution.values["framing"] |= {"kpi_target": target, "kpi_unit": execution.values["evaluation"]["business"]["currency"]}

    assert tones(execution)["KPI"] == (value, tone)


def test_a_kpi_that_nobody_measured_is_no_tile() -> None:
    execution = training()
    execution.values["framing"]["kpi_unit"] = "visits"

    assert "KPI" not in tones(execution)


@pytest.mark.parametrize(
    ("outcome", "tone"), [("landed", "good"), ("already landed", "good"), ("rolled back", "bad"), ("", "bad")]
)
def test_an_endpoint_is_good_where_the_model_landed(outcome: str, tone: str) -> None:
    released = deployment()
    released.values["deployment"]["outcome"] = outcome
    found = material(training(), released)

    assert tones(training(), released)["Endpoint"][1] == tone
    (milestone,) = [one for one in milestones([], [], release_view(found)) if one.label.startswith("Deploy")]
    assert milestone.tone == tone


def test_a_curve_is_drawn_from_its_highest_value_to_its_lowest_over_all_rounds() -> None:
    (curve,) = curve_views(material(training()))

    assert (curve.name, curve.step, curve.rounds, curve.last) == ("validation-logloss", "train", 3, "0.5500")
    assert curve.ticks == ((10.0, "0.6000"), (95.0, "0.5500"), (180.0, "0.5000"))
    assert curve.path == "M58.0 10.0L303.0 180.0L548.0 95.0"


def test_rounds_without_a_number_are_left_out_of_a_curve_and_a_curve_without_any_is_not_drawn() -> None:
    run = Run().step("train", phase="training")
    run.left("train", curves={"none": [None], "gap": [1.0, None, 1.0], "dot": [2.0]})

    gap, dot = curve_views(material(run.done()))
    assert (gap.path, gap.ticks) == ("M58.0 10.0L548.0 10.0", ((10.0, "1"),))
    assert dot.path == "M58.0 10.0L58.0 10.0"


def test_a_long_curve_keeps_the_page_short() -> None:
    run = Run().step("train", phase="training")
    run.left("train", curves={"loss": [1 / (1 + number) for number in range(20_000)]})

    (curve,) = curve_views(material(run.done()))
    assert curve.path.count("L") <= 501
    assert curve.rounds == 20_000
