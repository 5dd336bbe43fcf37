"""Retries of steps, stopping, trying an execution again, and services that end."""

from __future__ import annotations

import asyncio

import pytest

from sagelens.local.pipelines.jobs import JOBS, outcome
from sagelens.local.pipelines.retry import RetryPolicy, next_delay
from sagelens.local.ports import ApiError
from tests.unit.local_pipelines.definitions import condition, definition, equals, output_of, processing
from tests.unit.local_pipelines.world import World

LINE = definition(processing("a"), processing("b", {"x": output_of("a")}), processing("c", {"x": output_of("b")}))


def policy(fault: str, **fields: object) -> list[dict[str, object]]:
    return [{"ExceptionType": [fault], "IntervalSeconds": 10, "BackoffRate": 3.0, **fields}]


def test_a_capacity_error_is_tried_again_with_growing_waits(world: World) -> None:
    async def scenario() -> None:
        lacking = {"FailureReason": "CapacityError: no instances of this type"}
        world.jobs.failures["a"] = [lacking, lacking]
        arn = await world.run(definition(processing("a", RetryPolicies=policy("SageMaker.CAPACITY_ERROR", MaxAttempts=3))))

        assert await world.status(arn) == "Succeeded"
        assert world.clock.slept == [10, 30]
        assert (await world.steps(arn))["a"]["AttemptCount"] == 3
        names = {request["ProcessingJobName"] for request in world.jobs.requests_of("CreateProcessingJob")}
        assert len(names) == 3

    asyncio.run(scenario())


def test_after_the_last_attempt_the_step_fails(world: World) -> None:
    async def scenario() -> None:
        world.jobs.failures["a"] = [{"FailureReason": "InternalServerError: try later"}] * 3
        arn = await world.run(definition(processing("a", RetryPolicies=policy("SageMaker.JOB_INTERNAL_ERROR", MaxAttempts=2))))

        assert (await world.steps(arn))["a"]["AttemptCount"] == 3
        assert (await world.steps(arn))["a"]["FailureReason"] == "InternalServerError: try later"

    asyncio.run(scenario())


def test_throttling_is_tried_again_without_a_policy(world: World) -> None:
    async def scenario() -> None:
        world.jobs.faults["a"] = [ApiError("ThrottlingException", "Rate exceeded")]
        arn = await world.run(definition(processing("a")))

        assert await world.status(arn) == "Succeeded"
        assert world.clock.slept == [1]

    asyncio.run(scenario())


def test_a_failing_script_and_a_refused_request_are_not_tried_again(world: World) -> None:
    async def scenario() -> None:
        world.jobs.failures["a"] = [{"FailureReason": "AlgorithmError: exit code 1"}]
        world.jobs.faults["b"] = [ApiError("ValidationException", "InstanceCount is 0; at least 1")]
        retried = policy("SageMaker.CAPACITY_ERROR")
        arn = await world.run(definition(processing("a", RetryPolicies=retried), processing("b", RetryPolicies=retried)))

        steps = await world.steps(arn)
        assert {name: step["AttemptCount"] for name, step in steps.items()} == {"a": 1, "b": 1}
        assert steps["b"]["FailureReason"] == "ClientError: InstanceCount is 0; at least 1"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("policies", "attempt", "elapsed", "delay"),
    [
        ((RetryPolicy(faults=("x",), interval=5, rate=2, attempts=2),), 2, 0, 10),
        ((RetryPolicy(faults=("x",), interval=5, rate=2, attempts=2),), 3, 0, None),
        ((RetryPolicy(faults=("x",), attempts=0),), 1, 0, None),
        ((RetryPolicy(faults=("x",), interval=30, rate=1, attempts=None, expire_after=60),), 9, 30, 30),
        ((RetryPolicy(faults=("x",), interval=30, rate=1, attempts=None, expire_after=60),), 9, 31, None),
        ((RetryPolicy(faults=("y", "x"), interval=7), RetryPolicy(faults=("x",), interval=1)), 1, 0, 7),
        ((RetryPolicy(faults=("Step.THROTTLING",), attempts=0),), 1, 0, None),
    ],
)
def test_delays(policies: tuple[RetryPolicy, ...], attempt: int, elapsed: float, delay: float | None) -> None:
    fault = policies[-1].faults[-1]

    assert next_delay(policies, fault, attempt=attempt, elapsed=elapsed) == delay


def test_stopping_stops_the_jobs_and_starts_nothing_more(world: World) -> None:
    async def scenario() -> None:
        world.jobs.held = {"b"}
        await world.define(LINE)
        arn = await world.start()
        await world.until(lambda: "b" in world.jobs.running)
        await world.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken="t" * 32)
        await world.end(arn)

        assert await world.status(arn) == "Stopped"
        assert await world.statuses(arn) == {"a": "Succeeded", "b": "Stopped"}
        assert len(world.jobs.requests_of("StopProcessingJob")) == 1
        assert world.document(arn)["status"] == "Stopped"
        with pytest.raises(ApiError, match="is Stopped; only one that is Executing") as refused:
            await world.call("StopPipelineExecution", PipelineExecutionArn=arn)
        assert refused.value.code == "ConflictException"

    asyncio.run(scenario())


def test_a_job_that_someone_else_stopped_fails_its_step(world: World) -> None:
    async def scenario() -> None:
        world.jobs.held = {"b"}
        await world.define(LINE)
        arn = await world.start()
        await world.until(lambda: "b" in world.jobs.running)
        world.jobs.end("b", status="Stopped")
        await world.end(arn)

        assert await world.statuses(arn) == {"a": "Succeeded", "b": "Failed"}
        assert await world.status(arn) == "Failed"
        assert (await world.steps(arn))["b"]["FailureReason"].endswith("was stopped.")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("reason", "kind", "message"),
    [
        ("AlgorithmError: bad-data: column tail is missing, exit code: 2", "bad-data", "column tail is missing"),
        ("AlgorithmError: See the job's log, killed (signal 9)", "step-failed", "See the job's log, killed (signal 9)"),
        ("ClientError: no such image", "step-failed", "no such image"),
        ("", "step-failed", "The job failed and left no reason; see its log."),
    ],
)
def test_a_failed_training_job_is_read_by_its_reason(reason: str, kind: str, message: str) -> None:
    ended = outcome(JOBS["Training"], {"TrainingJobStatus": "Failed", "FailureReason": reason}, asked_to_stop=False)

    assert (ended.kind, ended.message) == (kind, message)


def test_stopping_at_the_very_start(world: World) -> None:
    async def scenario() -> None:
        world.jobs.held = {"a"}
        await world.define(LINE)
        arn = await world.start()
        await world.until(lambda: bool(world.store.query("PipelineExecutionStep")))
        await world.call("StopPipelineExecution", PipelineExecutionArn=arn)
        await world.end(arn)

        assert await world.statuses(arn) == {"a": "Stopped"}

    asyncio.run(scenario())


def test_a_failed_execution_is_tried_again_from_where_it_failed(world: World) -> None:
    async def scenario() -> None:
        world.jobs.failures["b"] = [{"FailureReason": "AlgorithmError: disk full"}]
        arn = await world.run(LINE)
        assert await world.status(arn) == "Failed"
        again = await world.call("RetryPipelineExecution", PipelineExecutionArn=arn)
        assert await world.status(arn) == "Executing"
        await world.end(arn)

        assert again == {"PipelineExecutionArn": arn}
        assert world.jobs.started == ["a", "b", "b", "c"]
        described = await world.end(arn)
        assert described["PipelineExecutionStatus"] == "Succeeded"
        assert "FailureReason" not in described
        assert world.document(arn)["error"] is None
        with pytest.raises(ApiError, match="only one that is Failed or Stopped"):
            await world.call("RetryPipelineExecution", PipelineExecutionArn=arn)

    asyncio.run(scenario())


def test_a_retry_keeps_the_outcome_of_conditions(world: World) -> None:
    async def scenario() -> None:
        world.jobs.failures["yes"] = [{"FailureReason": "AlgorithmError: once"}]
        arn = await world.run(definition(condition("check", equals(1, 1), then=[processing("yes")], other=[processing("no")])))
        await world.call("RetryPipelineExecution", PipelineExecutionArn=arn)
        await world.end(arn)

        assert await world.statuses(arn) == {"check": "Succeeded", "yes": "Succeeded"}

    asyncio.run(scenario())


def test_a_killed_service_leaves_executions_that_the_next_one_fails(world: World) -> None:
    async def killed() -> str:
        world.jobs.held = {"b"}
        await world.define(LINE)
        arn = await world.start()
        await world.until(lambda: "b" in world.jobs.running)
        await asyncio.sleep(0.05)
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.get_coro().close()  # as a kill would: nothing of it runs any more
            task.cancel()
        return arn

    async def restarted(arn: str) -> None:
        world.pipelines = world.service()
        await world.pipelines.recover()

        described = await world.end(arn)
        assert described["PipelineExecutionStatus"] == "Failed"
        assert described["FailureReason"].startswith("The service ended while this execution ran.")
        assert await world.statuses(arn) == {"a": "Succeeded", "b": "Failed"}
        document = world.document(arn)
        assert (document["status"], document["error"]["step"]) == ("Failed", "b")
        world.jobs.held = set()
        world.jobs.running.clear()
        await world.call("RetryPipelineExecution", PipelineExecutionArn=arn)
        await world.end(arn)
        assert await world.statuses(arn) == dict.fromkeys("abc", "Succeeded")

    asyncio.run(restarted(asyncio.run(killed())))


def test_closing_leaves_things_in_order(world: World) -> None:
    async def scenario() -> None:
        world.jobs.held = {"a"}
        await world.define(LINE)
        arn = await world.start()
        await world.until(lambda: "a" in world.jobs.running)
        await world.pipelines.close()

        await asyncio.sleep(0.1)  # nothing late overwrites the document

        assert await world.status(arn) == "Failed"
        assert await world.statuses(arn) == {"a": "Failed"}
        assert world.document(arn)["status"] == "Failed"
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(scenario())
