"""Results of earlier executions: used again, or the reason why not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from sagelens.local.pipelines.contents import Contents
from sagelens.values import digest_path
from tests.unit.local_pipelines.definitions import IMAGE, cached, definition, output_of, processing, training
from tests.unit.local_pipelines.world import World

DATA = "s3://bucket/raw/flights"


def put_json(world: World, uri: str, value: Any) -> None:
    world.jobs.put(uri, json.dumps(value).encode())


def test_an_unchanged_step_is_a_hit_and_hands_on_its_old_output(world: World) -> None:
    text = definition(cached("a", {"flights": DATA}), processing("b", {"x": output_of("a")}))

    async def scenario() -> None:
        world.jobs.put(f"{DATA}/part-0.parquet", b"1")
        first = await world.run(text)
        second = await world.run()

        assert world.jobs.started == ["a", "b", "b"]
        hit = (await world.steps(second))["a"]
        assert hit["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
        old, new = (world.step(arn, "a") for arn in (first, second))
        assert (old["cache"], old["cache_miss_reason"]) == ("miss", "no earlier run")
        assert (new["cache"], new["cache_miss_reason"], new["cache_source"]) == ("hit", None, first)
        assert (new["outputs"], new["job_arn"]) == (old["outputs"], old["job_arn"])
        last = world.jobs.requests_of("CreateProcessingJob")[-1]
        assert last["ProcessingInputs"][0]["S3Input"]["S3Uri"] == old["outputs"]["out"]
        assert world.step(second, "b")["cache"] == "off"

    asyncio.run(scenario())


def test_new_data_under_the_same_path_is_a_miss(world: World) -> None:
    async def scenario() -> None:
        world.jobs.put(f"{DATA}/part-0.parquet", b"1")
        await world.run(definition(cached("a", {"flights": DATA})))
        world.jobs.put(f"{DATA}/part-0.parquet", b"22")
        arn = await world.run()

        assert world.step(arn, "a")["cache_miss_reason"] == "input flights changed"

    asyncio.run(scenario())


@pytest.mark.parametrize(("content", "cache"), [(b"same", "hit"), (b"other", "miss")])
def test_a_step_after_one_that_ran_again_depends_on_content_alone(world: World, content: bytes, cache: str) -> None:
    """The upstream step is not cached and writes below a new execution id."""

    async def scenario() -> None:
        world.jobs.write["a"] = {"out": b"same"}
        await world.run(definition(processing("a"), cached("b", {"x": output_of("a")})))
        world.jobs.write["a"] = {"out": content}
        arn = await world.run()

        assert world.jobs.started.count("a") == 2
        assert world.step(arn, "b")["cache"] == cache

    asyncio.run(scenario())


def test_a_result_expires(world: World) -> None:
    async def scenario() -> None:
        text = definition(cached("a", expire_after="PT1H"))
        await world.run(text)
        world.clock.advance(3600)
        assert world.step(await world.run(), "a")["cache"] == "hit"
        world.clock.advance(3600)
        arn = await world.run()
        assert world.step(arn, "a")["cache_miss_reason"] == "expired: the earlier result is 2.0 h old, ExpireAfter allows 1.0 h"
        assert world.step(await world.run(), "a")["cache_source"] == arn

    asyncio.run(scenario())


def test_a_result_whose_output_is_gone_is_a_miss(world: World) -> None:
    async def scenario() -> None:
        first = await world.run(definition(cached("a")))
        output = world.step(first, "a")["outputs"]["out"]
        (world.objects.path(output) / "data").unlink()
        world.objects.path(output).rmdir()
        arn = await world.run()

        assert world.step(arn, "a")["cache_miss_reason"] == f"output gone: {output}"
        assert await world.status(arn) == "Succeeded"

    asyncio.run(scenario())


def test_a_missing_input_is_named_and_the_job_decides(world: World) -> None:
    async def scenario() -> None:
        arn = await world.run(definition(cached("a", {"flights": DATA})))

        assert world.step(arn, "a")["cache_miss_reason"] == f"input flights does not exist: {DATA}"
        assert world.jobs.started == ["a"]

    asyncio.run(scenario())


def test_a_failed_run_is_no_result(world: World) -> None:
    async def scenario() -> None:
        world.jobs.failures["a"] = [{"FailureReason": "AlgorithmError: exit code 1"}]
        await world.run(definition(cached("a")))
        arn = await world.run()

        assert world.step(arn, "a")["cache_miss_reason"] == "no earlier run"

    asyncio.run(scenario())


def test_resources_and_outputs_are_not_part_of_the_key(world: World) -> None:
    async def scenario() -> None:
        await world.run(definition(cached("a")))
        resources = {"ClusterConfig": {"InstanceType": "ml.m5.4xlarge", "InstanceCount": 2, "VolumeSizeInGB": 90}}
        arn = await world.run(definition(cached("a", arguments={"ProcessingResources": resources, "RoleArn": "other"})))

        assert world.step(arn, "a")["cache"] == "hit"

    asyncio.run(scenario())


def test_what_a_job_keeps_as_checkpoints_is_not_part_of_the_key(world: World) -> None:
    kept = "s3://bucket/flow/checkpoints/0123"
    step = training("fit", {"flights": DATA}, CacheConfig={"Enabled": True, "ExpireAfter": "P30D"})
    step["Arguments"]["CheckpointConfig"] = {"S3Uri": kept, "LocalPath": "/opt/ml/checkpoints"}

    async def scenario() -> None:
        world.jobs.put(f"{DATA}/part-0.parquet", b"1")
        await world.run(definition(step))
        world.jobs.put(f"{kept}/0123.ubj", b"trees")
        arn = await world.run()

        assert world.step(arn, "fit")["cache"] == "hit"

    asyncio.run(scenario())


def code(world: World, files: dict[str, str]) -> str:
    uri = f"s3://bucket/code/{'-'.join(files.values())}"
    put_json(world, f"{uri}/sagelens-code.json", {"digest": uri, "files": files, "imports": []})
    return uri


def config(world: World, **changes: Any) -> str:
    uri = f"s3://bucket/flow/config/{abs(hash(str(changes)))}"
    put_json(
        world,
        f"{uri}/step.json",
        {"version": 1, "step": "a", "takes": ["x"], "params": {"training": {"max_depth": 6}}, **changes},
    )
    return uri


async def reason(world: World, before: dict[str, Any], after: dict[str, Any]) -> str:
    """Why the second run of a step misses: `before` and `after` are keyword arguments of `cached`."""
    await world.run(definition(cached("a", **before)))
    arn = await world.run(definition(cached("a", **after)))
    return str(world.step(arn, "a")["cache_miss_reason"])


def test_changed_code_is_named_by_file(world: World) -> None:
    old = code(world, {"steps/training.py": "1", "steps/gone.py": "2", "steps/same.py": "3"})
    new = code(world, {"steps/training.py": "4", "steps/new.py": "5", "steps/same.py": "3"})

    found = asyncio.run(reason(world, {"inputs": {"code": old}}, {"inputs": {"code": new}}))

    assert found == "code changed: steps/training.py, steps/new.py (added), steps/gone.py (removed)"


def test_changed_config_is_named_by_key_with_both_values(world: World) -> None:
    old = config(world)
    new = config(world, params={"training": {"max_depth": 7}}, takes=["x", "y"])

    found = asyncio.run(reason(world, {"inputs": {"config": old}}, {"inputs": {"config": new}}))

    assert found == 'config changed: takes ["x"] -> ["x", "y"], training.max_depth 6 -> 7'


def test_a_changed_source_is_named_without_its_digest(world: World) -> None:
    old = config(world, sources={"flights": {"source": {"uri": "a.csv"}, "digest": "1"}})
    new = config(world, sources={"flights": {"source": {"uri": "b.csv"}, "digest": "2"}})

    found = asyncio.run(reason(world, {"inputs": {"config": old}}, {"inputs": {"config": new}}))

    assert found == "config changed: source flights, sources.flights.uri a.csv -> b.csv"


def test_several_changes_are_all_named(world: World) -> None:
    world.jobs.put(f"{DATA}/1", b"1")
    before = {"inputs": {"x": DATA, "config": config(world)}, "arguments": {"Environment": {"A": "1", "B": "2"}}}
    after = {
        "inputs": {"y": DATA, "config": config(world)},
        "arguments": {"Environment": {"A": "3", "C": "4"}, "AppSpecification": {"ImageUri": IMAGE}},
    }

    found = asyncio.run(reason(world, before, after))

    assert found == (
        "input x removed; input y added; "
        "AppSpecification changed: ContainerEntrypoint removed; "
        "Environment changed: A 1 -> 3, C added (4), B removed"
    )


def test_a_foreign_input_called_code_is_just_named(world: World) -> None:
    world.jobs.put("s3://bucket/one/script.py", b"1")
    world.jobs.put("s3://bucket/two/script.py", b"2")

    found = asyncio.run(reason(world, {"inputs": {"code": "s3://bucket/one"}}, {"inputs": {"code": "s3://bucket/two"}}))

    assert found == "code changed"


def test_a_transform_is_known_by_what_its_model_consists_of(world: World) -> None:
    """The model's name carries the execution's id, so by name nothing would ever be found again."""
    container = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model"}
    model = {"Name": "model", "Type": "Model", "Arguments": {"ExecutionRoleArn": "role", "PrimaryContainer": container}}
    transform = {
        "Name": "score",
        "Type": "Transform",
        "CacheConfig": {"Enabled": True},
        "Arguments": {
            "ModelName": {"Get": "Steps.model.ModelName"},
            "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": DATA}}},
            "TransformOutput": {"S3OutputPath": "s3://bucket/scored"},
        },
    }

    async def scenario() -> None:
        world.jobs.put(f"{DATA}/1", b"1")
        world.jobs.put("s3://bucket/model/m", b"1")
        world.jobs.put("s3://bucket/scored/1.out", b"1")
        await world.run(definition(model, transform))
        assert world.step(await world.run(), "score")["cache"] == "hit"
        world.jobs.put("s3://bucket/model/m", b"22")
        arn = await world.run()
        assert world.step(arn, "score")["cache_miss_reason"].startswith("ModelName changed: PrimaryContainer.ModelDataUrl ")

    asyncio.run(scenario())


def test_digests_are_those_of_the_values_room_and_remembered(world: World) -> None:
    contents = Contents(world.objects)
    for name in ("b", "a", "deep/c", ".hidden"):
        world.jobs.put(f"s3://bucket/folder/{name}", name.encode())
    folder = world.objects.path("s3://bucket/folder")

    async def scenario() -> None:
        assert await contents.digest("s3://bucket/folder") == digest_path(folder)
        assert await contents.digest("s3://bucket/folder/a") == digest_path(folder / "a")
        assert await contents.digest("s3://bucket/nothing") is None
        (folder / "a").write_bytes(b"other bytes")
        assert await contents.digest("s3://bucket/folder") == digest_path(folder)
        began = asyncio.get_running_loop().time()
        await contents.digest("s3://bucket/folder")
        assert asyncio.get_running_loop().time() - began < 0.5

    asyncio.run(scenario())
