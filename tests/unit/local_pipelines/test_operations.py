"""The operations of the API: what they keep, list and refuse, and the form of their answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from sagelens.local.ports import ApiError
from tests.unit.local_pipelines.definitions import ROLE, cached, condition, definition, equals, fail, parameter, processing
from tests.unit.local_pipelines.world import World

TEXT = definition(processing("a", DisplayName="First"), parameters=[parameter("n", "Integer", 3)])
TOKEN = "t" * 32


def create(world: World, name: str = "flow", **request: Any) -> Any:
    return world.call("CreatePipeline", **{"PipelineName": name, "PipelineDefinition": TEXT, "RoleArn": ROLE, **request})


def test_a_pipeline_is_kept_as_it_was_given(world: World) -> None:
    async def scenario() -> None:
        made = await create(world, PipelineDescription="All flights", ParallelismConfiguration={"MaxParallelExecutionSteps": 2})
        world.clock.advance(1)
        other = definition(processing("b"))
        await world.call("UpdatePipeline", PipelineName="flow", PipelineDefinition=other)

        for name in ("flow", made["PipelineArn"]):
            described = await world.call("DescribePipeline", PipelineName=name)
            assert described["PipelineDefinition"] == other
            assert described["PipelineDescription"] == "All flights"
            assert described["RoleArn"] == ROLE
            assert described["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 2}
            assert described["LastModifiedTime"] == described["CreationTime"] + 1

    asyncio.run(scenario())


def test_a_name_is_taken_once_but_a_repeated_request_is_no_second_one(world: World) -> None:
    async def scenario() -> None:
        made = await create(world, ClientRequestToken=TOKEN)
        assert await create(world, ClientRequestToken=TOKEN) == made
        with pytest.raises(ApiError, match="must be unique within an AWS account and region") as refused:
            await create(world, ClientRequestToken="u" * 32)
        assert refused.value.code == "ValidationException"

    asyncio.run(scenario())


def test_a_definition_is_read_from_s3(world: World) -> None:
    location = {"Bucket": "bucket", "ObjectKey": "flow/definition.json"}

    async def scenario() -> None:
        with pytest.raises(ApiError, match=r"s3://bucket/flow/definition\.json, which does not exist"):
            await world.call("CreatePipeline", PipelineName="flow", PipelineDefinitionS3Location=location)
        world.jobs.put("s3://bucket/flow/definition.json", TEXT.encode())
        await world.call("CreatePipeline", PipelineName="flow", PipelineDefinitionS3Location=location)
        assert (await world.call("DescribePipeline", PipelineName="flow"))["PipelineDefinition"] == TEXT

    asyncio.run(scenario())


@pytest.mark.parametrize("operation", ["CreatePipeline", "UpdatePipeline"])
def test_a_bad_definition_changes_nothing(world: World, operation: str) -> None:
    async def scenario() -> None:
        if operation == "UpdatePipeline":
            await create(world)
        bad = definition({"Name": "x", "Type": "Lambda", "Arguments": {}})
        with pytest.raises(ApiError, match="has type Lambda"):
            await world.call(operation, PipelineName="flow", PipelineDefinition=bad)
        kept = world.store.get("Pipeline", "flow")
        assert (kept.body["PipelineDefinition"] if kept else None) == (TEXT if operation == "UpdatePipeline" else None)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("DescribePipeline", {"PipelineName": "nope"}),
        ("UpdatePipeline", {"PipelineName": "nope"}),
        ("DeletePipeline", {"PipelineName": "nope"}),
        ("StartPipelineExecution", {"PipelineName": "nope"}),
        ("ListPipelineExecutions", {"PipelineName": "nope"}),
        ("DescribePipelineExecution", {"PipelineExecutionArn": "arn:nope"}),
        ("DescribePipelineDefinitionForExecution", {"PipelineExecutionArn": "arn:nope"}),
        ("ListPipelineExecutionSteps", {"PipelineExecutionArn": "arn:nope"}),
        ("ListPipelineParametersForExecution", {"PipelineExecutionArn": "arn:nope"}),
        ("StopPipelineExecution", {"PipelineExecutionArn": "arn:nope"}),
        ("RetryPipelineExecution", {"PipelineExecutionArn": "arn:nope"}),
    ],
)
def test_what_does_not_exist_is_named(world: World, operation: str, request_: dict[str, str]) -> None:
    with pytest.raises(ApiError, match=r"nope.* does not exist") as refused:
        asyncio.run(world.call(operation, **request_))
    assert refused.value.code == "ResourceNotFound"


def test_steps_are_listed_of_an_execution_that_is_named(world: World) -> None:
    with pytest.raises(ApiError, match="PipelineExecutionArn is missing") as refused:
        asyncio.run(world.call("ListPipelineExecutionSteps"))
    assert refused.value.code == "ValidationException"


def test_a_definition_in_s3_that_is_no_text_is_refused(world: World) -> None:
    world.jobs.put("s3://bucket/definition.json", b"\xff\xfe")
    location = {"Bucket": "bucket", "ObjectKey": "definition.json"}

    with pytest.raises(ApiError, match="no text in UTF-8"):
        asyncio.run(world.call("CreatePipeline", PipelineName="p", PipelineDefinitionS3Location=location))


def test_pipelines_are_listed_by_name_or_age_in_pages(world: World) -> None:
    async def scenario() -> None:
        for name in ("b", "a", "ab"):
            await create(world, name)
            world.clock.advance(1)

        async def names(**request: Any) -> list[str]:
            return [p["PipelineName"] for p in (await world.call("ListPipelines", **request))["PipelineSummaries"]]

        assert await names() == ["ab", "a", "b"]
        assert await names(SortBy="Name", SortOrder="Ascending") == ["a", "ab", "b"]
        assert await names(PipelineNamePrefix="a", SortOrder="Ascending") == ["a", "ab"]
        first = await world.call("ListPipelines", MaxResults=2)
        assert await names(MaxResults=2, NextToken=first["NextToken"]) == ["b"]

    asyncio.run(scenario())


def test_a_repeated_start_is_no_second_execution(world: World) -> None:
    async def scenario() -> None:
        await world.define(TEXT)
        first = await world.run(ClientRequestToken=TOKEN)
        assert await world.start(ClientRequestToken=TOKEN) == first
        second = await world.run(ClientRequestToken="u" * 32)
        assert second != first
        listed = await world.call("ListPipelineExecutions", PipelineName="flow")
        assert [e["PipelineExecutionArn"] for e in listed["PipelineExecutionSummaries"]] == [second, first]

    asyncio.run(scenario())


def test_an_execution_keeps_its_definition_and_parameters(world: World) -> None:
    async def scenario() -> None:
        arn = await world.run(TEXT, PipelineParameters=[{"Name": "n", "Value": "5"}])
        await world.define(definition(processing("b")))

        described = await world.call("DescribePipelineDefinitionForExecution", PipelineExecutionArn=arn)
        assert described["PipelineDefinition"] == TEXT
        listed = await world.call("ListPipelineParametersForExecution", PipelineExecutionArn=arn)
        assert listed["PipelineParameters"] == [{"Name": "n", "Value": "5"}]
        execution_id = arn.rpartition("/")[2]
        assert len(execution_id) == 12
        assert execution_id == execution_id.lower()

    asyncio.run(scenario())


def test_the_experiment_is_named_as_the_sdk_names_it(world: World) -> None:
    text = json.loads(TEXT)
    names = {"ExperimentName": {"Get": "Execution.PipelineName"}, "TrialName": {"Get": "Execution.PipelineExecutionId"}}

    async def scenario() -> None:
        arn = await world.run(json.dumps({**text, "PipelineExperimentConfig": names, "MlflowConfig": None}))
        described = await world.call("DescribePipelineExecution", PipelineExecutionArn=arn)
        assert described["PipelineExperimentConfig"] == {"ExperimentName": "flow", "TrialName": arn.rpartition("/")[2]}

    asyncio.run(scenario())


def test_refused_parameters_start_nothing(world: World) -> None:
    async def scenario() -> None:
        await world.define(TEXT)
        with pytest.raises(ApiError, match="'many' is not"):
            await world.start(PipelineParameters=[{"Name": "n", "Value": "many"}])
        assert world.store.query("PipelineExecution") == []

    asyncio.run(scenario())


def test_a_pipeline_at_work_is_not_deleted(world: World) -> None:
    async def scenario() -> None:
        world.jobs.held = {"a"}
        await world.define(TEXT)
        arn = await world.start()
        with pytest.raises(ApiError, match="has an execution under way"):
            await world.call("DeletePipeline", PipelineName="flow")
        await world.until(lambda: "a" in world.jobs.running)
        world.jobs.end("a")
        await world.end(arn)
        await world.call("DeletePipeline", PipelineName="flow")
        assert await world.status(arn) == "Succeeded"

    asyncio.run(scenario())


@pytest.fixture(scope="session")
def service_model() -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"))


def test_every_answer_has_the_form_that_botocore_expects(world: World, service_model: Any) -> None:
    from botocore.validate import ParamValidator

    text = definition(
        cached("a"),
        processing("broken", DisplayName="Broken"),
        condition("check", equals({"Get": "Parameters.n"}, 3), other=[], then=[fail("stop", "data-gate: no")]),
        parameters=[parameter("n", "Integer", 3)],
    )

    async def ask(operation: str, **request: Any) -> Any:
        answer = await world.call(operation, **request)
        shape = service_model.operation_model(operation).output_shape
        report = ParamValidator().validate(answer, shape)
        assert not report.has_errors(), f"{operation}: {report.generate_report()}"
        return answer

    async def scenario() -> None:
        world.jobs.failures["broken"] = [{"FailureReason": "AlgorithmError: x"}]
        await ask("CreatePipeline", PipelineName="flow", PipelineDefinition=text, RoleArn=ROLE)
        await ask("UpdatePipeline", PipelineName="flow", PipelineDescription="d")
        first = (await ask("StartPipelineExecution", PipelineName="flow"))["PipelineExecutionArn"]
        await world.end(first)
        second = (await ask("StartPipelineExecution", PipelineName="flow"))["PipelineExecutionArn"]
        await world.end(second)
        for arn in (first, second):
            await ask("DescribePipelineExecution", PipelineExecutionArn=arn)
            steps = await ask("ListPipelineExecutionSteps", PipelineExecutionArn=arn)
            assert len(steps["PipelineExecutionSteps"]) == 4
            await ask("DescribePipelineDefinitionForExecution", PipelineExecutionArn=arn)
            await ask("ListPipelineParametersForExecution", PipelineExecutionArn=arn)
        await ask("DescribePipeline", PipelineName="flow")
        await ask("ListPipelines")
        await ask("ListPipelineExecutions", PipelineName="flow")
        await ask("DeletePipeline", PipelineName="flow")

    asyncio.run(scenario())


def test_every_handler_is_an_operation_of_sagemaker(world: World, service_model: Any) -> None:
    for key in world.pipelines.handlers():
        assert key.removeprefix("sagemaker.") in service_model.operation_names
