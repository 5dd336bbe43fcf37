"""Executions from start to end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from sagelens.local.ports import ApiError
from tests.unit.local_pipelines.definitions import (
    condition,
    definition,
    equals,
    fail,
    output_of,
    parameter,
    processing,
    training,
)
from tests.unit.local_pipelines.world import World

DIAMOND = definition(
    processing("a"),
    processing("b", {"x": output_of("a")}),
    processing("c", {"x": output_of("a")}),
    processing("d", {"x": output_of("b"), "y": output_of("c")}),
)


def test_steps_in_a_line_hand_on_their_outputs(world: World) -> None:
    async def scenario() -> None:
        arn = await world.run(definition(processing("b", {"x": output_of("a")}), processing("a")))

        assert await world.status(arn) == "Succeeded"
        assert world.jobs.started == ["a", "b"]
        execution_id = arn.rpartition("/")[2]
        request = world.jobs.requests_of("CreateProcessingJob")[1]
        assert request["ProcessingInputs"][0]["S3Input"]["S3Uri"] == f"s3://bucket/flow/{execution_id}/a/output/out"

    asyncio.run(scenario())


def test_a_job_is_named_after_execution_and_step(world: World) -> None:
    async def scenario() -> None:
        arn = await world.run(definition(processing("a_step_with_a_name_that_is_far_too_long_for_a_job")))

        name = world.jobs.requests_of("CreateProcessingJob")[0]["ProcessingJobName"]
        assert name.startswith(f"pipelines-{arn.rpartition('/')[2]}-a-step-with-a-name")
        assert len(name) <= 63

    asyncio.run(scenario())


def test_independent_steps_run_at_the_same_time(world: World) -> None:
    async def scenario() -> None:
        world.jobs.held = {"b", "c"}
        await world.define(DIAMOND)
        arn = await world.start()
        await world.until(lambda: set(world.jobs.running) == {"b", "c"})
        world.jobs.end("b")
        await asyncio.sleep(0.01)
        assert "d" not in world.jobs.started
        world.jobs.end("c")
        await world.end(arn)

        assert await world.statuses(arn) == dict.fromkeys("abcd", "Succeeded")

    asyncio.run(scenario())


@pytest.mark.parametrize(("at_pipeline", "at_start", "most"), [(None, None, 5), (2, None, 2), (2, 3, 3)])
def test_no_more_steps_run_than_allowed(world: World, at_pipeline: int | None, at_start: int | None, most: int) -> None:
    def limit(number: int | None) -> dict[str, Any]:
        return {"ParallelismConfiguration": {"MaxParallelExecutionSteps": number}} if number else {}

    async def scenario() -> None:
        await world.define(definition(*(processing(f"s{i}") for i in range(5))), **limit(at_pipeline))
        arn = await world.run(**limit(at_start))

        assert await world.status(arn) == "Succeeded"
        assert world.jobs.most_running == most

    asyncio.run(scenario())


def test_a_failed_step_holds_back_what_depends_on_it_and_nothing_else(world: World) -> None:
    async def scenario() -> None:
        world.jobs.failures["b"] = [
            {"FailureReason": "AlgorithmError: exit code 1", "ExitMessage": "bad-data: column tail is missing"}
        ]
        arn = await world.run(DIAMOND)

        assert await world.statuses(arn) == {"a": "Succeeded", "b": "Failed", "c": "Succeeded"}
        described = await world.end(arn)
        assert described["PipelineExecutionStatus"] == "Failed"
        assert "One or multiple steps failed. Step 'b': column tail is missing" in described["FailureReason"]
        assert world.document(arn)["error"] == {"kind": "bad-data", "step": "b", "message": "column tail is missing"}
        assert world.step(arn, "b")["failure"] == {"kind": "bad-data", "message": "column tail is missing"}

    asyncio.run(scenario())


def nested(flag: bool) -> str:
    return definition(
        processing("check"),
        condition(
            "outer",
            equals({"Get": "Parameters.outer"}, True),
            then=[
                processing("yes", {"x": output_of("check")}),
                condition(
                    "inner",
                    equals({"Get": "Parameters.inner"}, flag),
                    then=[processing("yes-yes", {"x": output_of("yes")})],
                    other=[processing("yes-no")],
                ),
            ],
            other=[processing("no")],
        ),
        parameters=[parameter("outer", "Boolean", True), parameter("inner", "Boolean", True)],
    )


@pytest.mark.parametrize(
    ("outer", "inner", "ran"),
    [
        ("true", "true", {"check", "outer", "yes", "inner", "yes-yes"}),
        ("true", "false", {"check", "outer", "yes", "inner", "yes-no"}),
        ("false", "true", {"check", "outer", "no"}),
    ],
)
def test_only_the_branch_that_is_taken_runs(world: World, outer: str, inner: str, ran: set[str]) -> None:
    async def scenario() -> None:
        given = [{"Name": "outer", "Value": outer}, {"Name": "inner", "Value": inner}]
        arn = await world.run(nested(True), PipelineParameters=given)

        assert set(await world.statuses(arn)) == ran
        steps = await world.steps(arn)
        assert steps["outer"]["Metadata"] == {"Condition": {"Outcome": outer.capitalize()}}
        assert world.step(arn, "outer")["outcome"] is (outer == "true")

    asyncio.run(scenario())


def gate(passed: str) -> str:
    verdict = {"PropertyFileName": "verdict", "OutputName": "out", "FilePath": "data"}

    def of_verdict(path: str) -> dict[str, Any]:
        return {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.raw-gate.PropertyFiles.verdict"}, "Path": path}}

    message = {"Std:Join": {"On": "", "Values": ["data-gate: ", of_verdict("summary")]}}
    return definition(
        processing("raw-gate", PropertyFiles=[verdict]),
        condition(
            "raw-gate-passed",
            equals(of_verdict("passed"), True),
            then=[processing("prepare", {"x": output_of("raw-gate")})],
            other=[fail("raw-gate-stopped", message)],
        ),
        processing("after", DependsOn=["raw-gate-passed"]),
        parameters=[parameter("unused", default=passed)],
    )


def test_a_gate_that_passes_lets_the_rest_run(world: World) -> None:
    async def scenario() -> None:
        world.jobs.write["raw-gate"] = {"out": b'{"passed": true, "summary": "fine"}'}
        arn = await world.run(gate("yes"))

        assert await world.status(arn) == "Succeeded"
        assert world.jobs.started == ["raw-gate", "prepare", "after"]

    asyncio.run(scenario())


def test_a_gate_that_stops_ends_the_execution_with_its_message(world: World) -> None:
    async def scenario() -> None:
        world.jobs.write["raw-gate"] = {"out": b'{"passed": false, "summary": "distance below 0"}'}
        arn = await world.run(gate("no"))

        assert await world.statuses(arn) == {
            "raw-gate": "Succeeded",
            "raw-gate-passed": "Succeeded",
            "raw-gate-stopped": "Failed",
        }
        assert world.document(arn)["error"] == {"kind": "data-gate", "step": "raw-gate-stopped", "message": "distance below 0"}
        fail_step = (await world.steps(arn))["raw-gate-stopped"]
        assert fail_step["Metadata"] == {"Fail": {"ErrorMessage": "data-gate: distance below 0"}}
        with pytest.raises(ApiError, match="ended by a Fail step"):
            await world.call("RetryPipelineExecution", PipelineExecutionArn=arn)

    asyncio.run(scenario())


def test_a_condition_on_a_file_that_is_missing_fails_its_step(world: World) -> None:
    async def scenario() -> None:
        missing = {"Std:JsonGet": {"S3Uri": "s3://bucket/no/such.json", "Path": "a"}}
        arn = await world.run(definition(condition("check", equals(missing, 1))))

        assert await world.statuses(arn) == {"check": "Failed"}
        assert "s3://bucket/no/such.json" in (await world.steps(arn))["check"]["FailureReason"]

    asyncio.run(scenario())


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "NaN", "1e999", '"NaN"', "null"])
def test_what_is_no_number_opens_no_gate(world: World, text: str, negated: bool) -> None:
    read = {"Std:JsonGet": {"S3Uri": "s3://bucket/m.json", "Path": "v"}}
    test: dict[str, Any] = {"Type": "GreaterThanOrEqualTo", "LeftValue": read, "RightValue": 0.7}

    async def scenario() -> None:
        world.jobs.put("s3://bucket/m.json", f'{{"v": {text}}}'.encode())
        gate = {"Type": "Not", "Condition": test} if negated else test
        arn = await world.run(definition(condition("gate", gate, [processing("inside")])))

        assert await world.statuses(arn) == {"gate": "Failed"}
        assert (await world.steps(arn))["gate"]["FailureReason"].startswith("ClientError: ")

    asyncio.run(scenario())


def test_a_training_step_is_read_by_its_artifacts(world: World) -> None:
    async def scenario() -> None:
        world.jobs.put("s3://bucket/flow/config/1/step.json", b'{"phase": "training", "gives": ["model", "curves"]}')
        model = {"Get": "Steps.train.ModelArtifacts.S3ModelArtifacts"}
        arn = await world.run(
            definition(training("train", {"config": "s3://bucket/flow/config/1"}), processing("use", {"model": model}))
        )

        step = world.step(arn, "train")
        data = step["evidence"].removesuffix("/evidence.json")
        assert step["phase"] == "training"
        assert step["outputs"] == {"model": data.removesuffix("data") + "model", "curves": f"{data}/curves"}
        assert (
            world.jobs.requests_of("CreateProcessingJob")[0]["ProcessingInputs"][0]["S3Input"]["S3Uri"]
            == step["outputs"]["model"]
        )
        assert (await world.steps(arn))["train"]["Metadata"]["TrainingJob"]["Arn"] == step["job_arn"]

    asyncio.run(scenario())


def test_a_model_is_made_and_registered_in_a_group_that_is_made_too(world: World) -> None:
    model = {"Name": "model", "Type": "Model", "Arguments": {"ExecutionRoleArn": "role", "PrimaryContainer": {"Image": "image"}}}
    register = {
        "Name": "register",
        "Type": "RegisterModel",
        "Arguments": {"ModelPackageGroupName": "flights", "ModelPackageDescription": {"Get": "Steps.model.ModelArn"}},
    }

    async def scenario() -> None:
        arn = await world.run(definition(model, register))

        assert await world.status(arn) == "Succeeded"
        assert world.jobs.groups == {"flights"}
        package = world.jobs.requests_of("CreateModelPackage")[0]
        assert package["ModelPackageDescription"].endswith(world.jobs.requests_of("CreateModel")[0]["ModelName"])
        steps = await world.steps(arn)
        assert set(steps["model"]["Metadata"]) == {"Model"}
        assert set(steps["register"]["Metadata"]) == {"RegisterModel"}

    asyncio.run(scenario())


def test_the_document_is_written_and_announced_on_the_way(world: World) -> None:
    async def scenario() -> None:
        world.jobs.held = {"a"}
        await world.define(definition(processing("a", outputs=("out", "evidence")), parameters=[parameter("n", "Integer", 3)]))
        arn = await world.start()
        await world.until(lambda: bool(world.documents) and world.documents[-1]["steps"][0]["status"] == "Executing")
        under_way = world.document(arn)
        assert (under_way["status"], under_way["steps"][0]["status"], under_way["finished"]) == ("Executing", "Executing", None)
        request = world.jobs.requests_of("CreateProcessingJob")[0]
        evidence = f"{request['ProcessingOutputConfig']['Outputs'][1]['S3Output']['S3Uri']}/evidence.json"
        world.jobs.put(evidence, b"{}")
        world.clock.advance(2.5)
        world.jobs.end("a")
        await world.end(arn)
        await asyncio.sleep(0)

        done = world.document(arn)
        assert (done["status"], done["parameters"], done["error"]) == ("Succeeded", {"n": "3"}, None)
        step = done["steps"][0]
        assert (step["seconds"], step["cache"], step["attempts"], step["evidence"]) == (2.5, "off", 1, evidence)
        assert list(step["outputs"]) == ["out"]
        assert world.documents[-1] == done
        assert world.documents[0]["status"] == "Executing"

    asyncio.run(scenario())


def test_a_pipeline_without_outputs_has_its_document_in_the_bucket_of_its_tag_or_in_ours(world: World) -> None:
    text = definition(condition("check", equals(1, 1)))

    async def scenario() -> None:
        arn = await world.run(text)
        assert world.document(arn, bucket="sagelens")["status"] == "Succeeded"
        await world.call("DeletePipeline", PipelineName="flow")
        await world.call(
            "CreatePipeline", PipelineName="flow", PipelineDefinition=text, Tags=[{"Key": "sagelens:bucket", "Value": "mine"}]
        )
        arn = await world.run()
        assert world.document(arn, bucket="mine")["status"] == "Succeeded"

    asyncio.run(scenario())


def test_many_steps_cost_little(world: World) -> None:
    """A transition is well below a millisecond; the bound leaves room for a busy machine."""

    async def scenario() -> None:
        steps = [
            condition("s0", equals(1, 1)),
            *(condition(f"s{i}", equals(1, 1), DependsOn=[f"s{i - 1}"]) for i in range(1, 50)),
        ]
        await world.define(definition(*steps))
        loop = asyncio.get_running_loop()
        began = loop.time()
        arn = await world.run()
        assert loop.time() - began < 2
        assert len(json.loads(json.dumps(world.document(arn, "sagelens")))["steps"]) == 50

    asyncio.run(scenario())


def test_a_bucket_that_cannot_be_does_not_stop_the_execution(world: World) -> None:
    async def scenario() -> None:
        text = definition(condition("check", equals(1, 1)))
        tags = [{"Key": "sagelens:bucket", "Value": "Not A Bucket"}]
        await world.call("CreatePipeline", PipelineName="flow", PipelineDefinition=text, Tags=tags)
        arn = await world.run()

        assert await world.status(arn) == "Succeeded"

    asyncio.run(scenario())
