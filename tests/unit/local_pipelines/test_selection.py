"""Selective execution."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sagelens.local.ports import ApiError
from tests.unit.local_pipelines.definitions import condition, definition, equals, fail, output_of, parameter, processing
from tests.unit.local_pipelines.world import World

LINE = definition(
    processing("a"),
    processing("b", {"x": output_of("a")}),
    processing("c", {"x": output_of("b")}),
    processing("d", DependsOn=["a"]),
)
GUARDED = definition(
    processing("a"),
    condition("check", equals({"Get": "Parameters.go"}, "yes"), then=[processing("b", {"x": output_of("a")})]),
    parameters=[parameter("go", default="yes")],
)


def select(*steps: str, source: str | None = None) -> dict[str, Any]:
    config: dict[str, Any] = {"SelectedSteps": [{"StepName": step} for step in steps]}
    return {"SelectiveExecutionConfig": config | ({"SourcePipelineExecutionArn": source} if source else {})}


def test_selected_steps_run_on_the_outputs_of_the_source(world: World) -> None:
    async def scenario() -> None:
        source = await world.run(LINE)
        arn = await world.run(**select("b", source=source))

        assert world.jobs.started.count("a") == 1
        assert world.jobs.started.count("b") == 2
        assert set(await world.statuses(arn)) == {"a", "b"}
        assert (await world.steps(arn))["a"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": source}
        taken = world.jobs.requests_of("CreateProcessingJob")[-1]["ProcessingInputs"][0]["S3Input"]["S3Uri"]
        assert source.rpartition("/")[2] in taken

    asyncio.run(scenario())


def test_steps_that_need_no_other_need_no_source(world: World) -> None:
    async def scenario() -> None:
        await world.define(LINE)
        arn = await world.run(**select("a", "d"))

        assert await world.statuses(arn) == {"a": "Succeeded", "d": "Succeeded"}

    asyncio.run(scenario())


def test_a_step_inside_a_branch_runs_if_the_source_took_that_branch(world: World) -> None:
    async def scenario() -> None:
        source = await world.run(GUARDED)
        arn = await world.run(**select("b", source=source))
        assert await world.statuses(arn) == dict.fromkeys(("a", "check", "b"), "Succeeded")
        assert world.jobs.started == ["a", "b", "b"]

        other = await world.run(PipelineParameters=[{"Name": "go", "Value": "no"}])
        with pytest.raises(ApiError, match="runs only when condition 'check' is True"):
            await world.start(**select("b", source=other))

    asyncio.run(scenario())


def test_a_selected_condition_still_stops_the_execution(world: World) -> None:
    text = definition(
        processing("a"),
        condition("check", equals(1, 2), then=[processing("b")], other=[fail("stopped", "data-gate: no")]),
    )

    async def scenario() -> None:
        await world.define(text)
        arn = await world.run(**select("check", "b"))

        assert await world.statuses(arn) == {"check": "Succeeded", "stopped": "Failed"}
        assert await world.status(arn) == "Failed"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("steps", "with_source", "message"),
    [
        (("b", "nope"), True, "names 'nope', which is no step"),
        (("b", "b"), True, "names a step twice"),
        (("a", "c"), True, "Step 'b' is between the selected steps 'a' and 'c'"),
        (("b",), False, "need 'a', which is not selected"),
    ],
)
def test_refused_selections(world: World, steps: tuple[str, ...], with_source: bool, message: str) -> None:
    async def scenario() -> None:
        source = await world.run(LINE)
        with pytest.raises(ApiError, match=message) as refused:
            await world.start(**select(*steps, source=source if with_source else None))
        assert refused.value.code == "ValidationException"

    asyncio.run(scenario())


def test_a_source_in_which_the_needed_step_failed_is_refused(world: World) -> None:
    async def scenario() -> None:
        world.jobs.failures["a"] = [{"FailureReason": "AlgorithmError: no"}]
        source = await world.run(LINE)
        with pytest.raises(ApiError, match=r"Step 'a', which the selected steps need, has not succeeded .*\(Failed\)"):
            await world.start(**select("b", source=source))

    asyncio.run(scenario())
