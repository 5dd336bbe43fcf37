"""Results of earlier executions: used again, or the reason why not."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagelens.local.pipelines.contents import Contents
from sagelens.values import digest_listing, digest_path
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

        assert world.step(arn, "a")["cache_miss_reason"] == "input flights changed: part-0.parquet (6b86b273 -> 785f3ec7)"

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


def test_an_object_put_in_front_of_a_list_is_the_only_difference(world: World) -> None:
    features = [{"name": "hour", "bins": 24}, {"name": "carrier", "bins": 8}]
    more = [{"name": "day", "bins": 7}, features[0], {"name": "carrier", "bins": 9}]
    before = config(world, params={"features": features})
    after = config(world, params={"features": more})

    found = asyncio.run(reason(world, {"inputs": {"config": before}}, {"inputs": {"config": after}}))

    assert found == "config changed: features.carrier.bins 8 -> 9, features.day.bins added (7), features.day.name added (day)"


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


def test_a_setting_that_a_job_is_given_twice_is_told_of_once(world: World) -> None:
    before, after = (
        {
            "inputs": {"config": config(world, params={"settings": {"depth": depth}})},
            "arguments": {"Environment": {"depth": depth}},
        }
        for depth in ("6", "7")
    )

    assert asyncio.run(reason(world, before, after)) == "config changed: settings.depth 6 -> 7"


def test_a_foreign_input_called_code_is_just_named(world: World) -> None:
    world.jobs.put("s3://bucket/one/script.py", b"1")
    world.jobs.put("s3://bucket/two/script.py", b"2")

    found = asyncio.run(reason(world, {"inputs": {"code": "s3://bucket/one"}}, {"inputs": {"code": "s3://bucket/two"}}))

    assert found == "code changed: script.py (6b86b273 -> d4735e3a)"


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
        assert await contents.digest("s3://bucket/folder/a") == digest_listing({"a": digest_path(folder / "a")})
        assert await contents.digest("s3://bucket/nothing") is None
        (folder / "a").write_bytes(b"other bytes")
        assert await contents.digest("s3://bucket/folder") == digest_path(folder)
        began = asyncio.get_running_loop().time()
        await contents.digest("s3://bucket/folder")
        assert asyncio.get_running_loop().time() - began < 0.5

    asyncio.run(scenario())


def other_bytes_of_the_same_size_and_time(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"!" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


FOREIGN_HANDS: list[tuple[str, Callable[[Path], object]]] = [
    ("output changed: {uri}: data (", other_bytes_of_the_same_size_and_time),
    ("output changed: {uri}: more (added)", lambda file: file.with_name("more").write_bytes(b"")),
    ("output changed: {uri}: data (", lambda file: file.write_bytes(b"")),
    ("output changed: {uri}: other (added), data (removed)", lambda file: file.rename(file.with_name("other"))),
    ("output gone: {uri}", lambda file: file.unlink()),
]


@pytest.mark.parametrize(("told", "change"), FOREIGN_HANDS)
@pytest.mark.parametrize("output", ["out", "evidence"])
def test_a_result_that_anybody_has_touched_is_made_again(
    world: World, told: str, change: Callable[[Path], object], output: str
) -> None:
    async def scenario() -> None:
        first = await world.run(definition(cached("a", outputs=("out", "evidence"))))
        uri = world.step(first, "a")["outputs"]["out"].removesuffix("out") + output
        change(world.objects.path(uri) / "data")
        arn = await world.run()

        assert world.step(arn, "a")["cache_miss_reason"].startswith(told.format(uri=uri))
        assert world.jobs.started == ["a", "a"]
        assert world.step(await world.run(), "a")["cache_source"] == arn

    asyncio.run(scenario())


def test_touching_a_file_without_changing_it_costs_a_reading_and_no_run(world: World) -> None:
    async def scenario() -> None:
        first = await world.run(definition(cached("a")))
        file = world.objects.path(world.step(first, "a")["outputs"]["out"]) / "data"
        file.write_bytes(file.read_bytes())

        assert world.step(await world.run(), "a")["cache"] == "hit"

    asyncio.run(scenario())


def writing_to(uri: str, mark: str) -> str:
    """A cached step of a pipeline whose output has a place of its own that every run writes to."""
    place = {"OutputName": "out", "S3Output": {"S3Uri": uri, "LocalPath": "/opt/ml/processing/output/out"}}
    arguments = {"Environment": {"MARK": mark}, "ProcessingOutputConfig": {"Outputs": [place]}}
    return definition(cached("a", arguments=arguments))


def test_what_another_run_wrote_over_a_result_is_not_taken_for_it(world: World) -> None:
    async def scenario() -> None:
        for mark in ("one", "two"):
            world.jobs.write["a"] = {"out": mark.encode()}
            await world.run(writing_to("s3://bucket/fixed", mark))
        world.jobs.write["a"] = {"out": b"one"}
        arn = await world.run(writing_to("s3://bucket/fixed", "one"))

        assert world.step(arn, "a")["cache_miss_reason"].startswith("output changed: s3://bucket/fixed: data (")
        assert (world.objects.path("s3://bucket/fixed") / "data").read_bytes() == b"one"
        assert world.step(await world.run(), "a")["cache"] == "hit"

    asyncio.run(scenario())


def test_what_the_service_keeps_of_executions_is_no_part_of_an_output(world: World) -> None:
    async def scenario() -> None:
        await world.run(writing_to("s3://bucket/flow", "one"))

        assert world.step(await world.run(), "a")["cache"] == "hit"

    asyncio.run(scenario())


def test_an_output_that_begins_like_another_is_no_part_of_it(world: World) -> None:
    async def scenario() -> None:
        await world.run(writing_to("s3://bucket/fixed", "one"))
        world.jobs.put("s3://bucket/fixed_figures/1.svg", b"other")

        assert world.step(await world.run(), "a")["cache"] == "hit"

    asyncio.run(scenario())


def test_an_output_that_was_empty_and_is_not_any_more_is_a_change(world: World) -> None:
    async def scenario() -> None:
        text = writing_to("s3://bucket/fixed", "one")
        await world.run(text)
        shutil.rmtree(world.objects.path("s3://bucket/fixed"))
        world.jobs.writes = False
        await world.run()
        assert world.step(await world.run(), "a")["cache"] == "hit"
        world.jobs.put("s3://bucket/fixed/foreign", b"1")
        arn = await world.run()

        assert world.step(arn, "a")["cache_miss_reason"] == "output changed: s3://bucket/fixed was empty, and holds foreign now"

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["input", "model"])
def test_a_result_whose_inputs_changed_while_it_was_made_is_not_kept(world: World, kind: str) -> None:
    async def scenario() -> None:
        uri, text = f"{DATA}/part-0.parquet", definition(cached("a", {"flights": DATA}))
        if kind == "model":
            uri, text = "s3://bucket/model/m", scoring()
            world.jobs.put(f"{DATA}/1", b"1")
        world.jobs.put(uri, b"1")
        world.jobs.held = {"a"}
        arn = await world_held(world, text)
        world.jobs.put(uri, b"2")
        world.jobs.end("a")
        await world.end(arn)
        world.jobs.held = set()
        world.jobs.put(uri, b"1")
        again = await world.run()

        assert world.step(again, "a")["cache_miss_reason"] == "no earlier run"

    asyncio.run(scenario())


async def world_held(world: World, text: str) -> str:
    await world.define(text)
    arn = await world.start()
    await world.until(lambda: "a" in world.jobs.running)
    return arn


def test_of_two_runs_at_once_neither_is_given_what_the_other_wrote(world: World) -> None:
    """The second one writes between the end of the first one's job and the look at what it has left."""

    async def scenario() -> None:
        world.jobs.held = {"a"}
        world.jobs.write["a"] = {"out": b"one"}
        arn = await world_held(world, writing_to("s3://bucket/fixed", "one"))
        world.jobs.end("a")
        world.jobs.put("s3://bucket/fixed/data", b"two")
        await world.end(arn)
        world.jobs.held = set()
        again = await world.run()

        assert world.step(again, "a")["cache_miss_reason"] == "no earlier run"

    asyncio.run(scenario())


def test_a_training_is_known_by_all_that_it_left(world: World) -> None:
    step = training("fit", {"flights": DATA}, CacheConfig={"Enabled": True})

    async def scenario() -> None:
        world.jobs.put(f"{DATA}/part-0.parquet", b"1")
        first = await world.run(definition(step))
        model = world.step(first, "fit")["outputs"]["model"]
        for name in ("model/model.ubj", "data/evidence.json", "data/more"):
            assert world.step(await world.run(), "fit")["cache"] == "hit"
            uri = f"{model.removesuffix('/model')}/{name}"
            world.jobs.put(uri, b"other")
            reason = world.step(await world.run(), "fit")["cache_miss_reason"]
            assert reason.startswith(f"output changed: {model.removesuffix('/model')}: {name} (")
            model = str((await latest(world, "fit"))["outputs"]["model"])

    asyncio.run(scenario())


async def latest(world: World, step: str) -> dict[str, Any]:
    summaries = await world.call("ListPipelineExecutions", PipelineName="flow")
    return world.step(summaries["PipelineExecutionSummaries"][0]["PipelineExecutionArn"], step)


def scoring() -> str:
    """A cached Transform step `a` behind a Model step."""
    container = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model"}
    model = {"Name": "model", "Type": "Model", "Arguments": {"ExecutionRoleArn": "role", "PrimaryContainer": container}}
    transform = {
        "Name": "a",
        "Type": "Transform",
        "CacheConfig": {"Enabled": True},
        "Arguments": {
            "ModelName": {"Get": "Steps.model.ModelName"},
            "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": DATA}}},
            "TransformOutput": {"S3OutputPath": "s3://bucket/scored"},
        },
    }
    return definition(model, transform)


def test_a_transform_whose_results_were_changed_runs_again(world: World) -> None:
    async def scenario() -> None:
        world.jobs.put(f"{DATA}/1", b"1")
        world.jobs.put("s3://bucket/model/m", b"1")
        world.jobs.put("s3://bucket/scored/1.out", b"1")
        await world.run(scoring())
        world.jobs.put("s3://bucket/scored/1.out", b"2")

        reason = world.step(await world.run(), "a")["cache_miss_reason"]
        assert reason == "output changed: s3://bucket/scored: 1.out (6b86b273 -> d4735e3a)"

    asyncio.run(scenario())


def test_a_result_that_an_older_release_kept_is_made_again(world: World) -> None:
    async def scenario() -> None:
        await world.run(definition(cached("a")))
        entry = world.store.query("PipelineStepResult")[0]
        world.store.update(entry.arn, modified=entry.modified, body={"outputs": ["s3://bucket/flow"]})
        arn = await world.run()

        assert world.step(arn, "a")["cache_miss_reason"].startswith("what the earlier run wrote was not recorded")
        assert world.step(await world.run(), "a")["cache"] == "hit"

    asyncio.run(scenario())


def test_an_input_of_another_name_is_another_input(world: World) -> None:
    """A job sees how its objects are called."""

    async def scenario() -> None:
        for name in ("one.csv", "two.csv"):
            world.jobs.put(f"{DATA}/{name}", b"1")
        await world.run(definition(cached("a", {"x": f"{DATA}/one.csv"})))
        arn = await world.run(definition(cached("a", {"x": f"{DATA}/two.csv"})))

        assert world.step(arn, "a")["cache_miss_reason"] == "input x changed: two.csv (added), one.csv (removed)"

    asyncio.run(scenario())


COLUMNS = [f"column_{number}" for number in range(30)]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (COLUMNS, [*COLUMNS, "distance"], "features: distance added"),
        (COLUMNS, COLUMNS[1:], "features: column_0 removed"),
        (COLUMNS, [*COLUMNS[:-1], "distance"], "features: [29] column_29 -> distance"),
        (COLUMNS, COLUMNS[::-1], "features: the same in another order"),
        (["a", "b"], ["a", "c"], "features: [1] b -> c"),
        ("x" * 60 + "one", "x" * 60 + "two", "features …xxxxxxxxxxxxone -> …xxxxxxxxxxxxtwo"),
        (1, 1.0, "features 1 -> 1.0"),
        (1, True, "features 1 -> true"),
    ],
)
def test_of_long_values_the_difference_is_told(world: World, before: Any, after: Any, told: str) -> None:
    old, new = (config(world, params={"features": value}) for value in (before, after))

    found = asyncio.run(reason(world, {"inputs": {"config": old}}, {"inputs": {"config": new}}))

    assert found == f"config changed: {told}"


def test_another_place_inside_the_container_is_told(world: World) -> None:
    world.jobs.put(f"{DATA}/1", b"1")
    old, new = (
        [{"InputName": "x", "S3Input": {"S3Uri": DATA, "LocalPath": path, "S3DataType": "S3Prefix"}}] for path in ("/a", "/b")
    )

    found = asyncio.run(reason(world, {"arguments": {"ProcessingInputs": old}}, {"arguments": {"ProcessingInputs": new}}))

    assert found == "ProcessingInputs changed: 0.S3Input.LocalPath /a -> /b"
