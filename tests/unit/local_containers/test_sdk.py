"""What the bridge to SageMaker's local mode puts right. A test here that fails after an upgrade of the SDK says that AWS has
repaired something: take the repair out of `sagelens/local/containers/local_mode.py`."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from sagelens.local.containers.local_mode import Bridge

PREAMBLE = "import os; os.environ |= {'AWS_DEFAULT_REGION': 'us-east-1', 'AWS_EC2_METADATA_DISABLED': 'true'}; "


def told(program: str) -> list[str]:
    """What a program prints that imports the SDK, which leaves marks on an interpreter."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", PREAMBLE + program], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_neither_session_for_local_pipelines_does_what_the_other_does() -> None:
    program = (
        "import sagemaker.mlops.local as mlops; "
        "from sagemaker.core.workflow.pipeline_context import LocalPipelineSession, PipelineSession; "
        "print(issubclass(mlops.LocalPipelineSession, PipelineSession), hasattr(LocalPipelineSession, 'create_pipeline'))"
    )
    assert told(program) == ["False", "False"]


def test_the_local_client_lacks_the_operations_of_pipelines() -> None:
    program = (
        "from sagemaker.core.local.local_session import LocalSagemakerClient as Client; "
        "print(*(hasattr(Client, name) for name in ('create_pipeline', 'start_pipeline_execution')))"
    )
    assert told(program) == ["False", "False"]


def test_the_last_lines_of_a_container_are_lost() -> None:
    program = (
        "import subprocess, time; from sagemaker.core.local.image import _stream_output; "
        "made = subprocess.Popen(['sh', '-c', 'echo first; echo last'], stdout=subprocess.PIPE); "
        "time.sleep(0.5); _stream_output(made)"
    )
    assert told(program) == ["first"]


@pytest.fixture
def container(tmp_path: Path) -> str:
    """A program that makes the SDK's container, whose client it takes to be Compose's."""
    for folder in ("model", "algo/output/data"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "model" / "m").write_text("weights")
    return (
        "import types, pathlib; from sagemaker.core.local.image import _SageMakerContainer as C, _Volume; "
        "session = types.SimpleNamespace(config=None, boto_session=None); C.__init__ = lambda self: None; c = C(); "
        f"c.hosts, c.container_root, c.sagemaker_session = ['algo'], {str(tmp_path)!r}, session; "
        "c.instance_type, c.image, c.is_studio, c.container_entrypoint, c.container_arguments = 'local', 'i', False, None, None; "
    )


def test_a_model_becomes_an_archive_whatever_compression_is_asked_for(container: str, tmp_path: Path) -> None:
    program = container + (
        f"data = {{'services': {{'algo': {{'volumes': ['{tmp_path}/model:/opt/ml/model']}}}}}}; "
        "print(c.retrieve_artifacts(data, {'S3OutputPath': '', 'CompressionType': 'NONE'}, 'job'))"
    )
    (where,) = told(program)
    with tarfile.open(where.removeprefix("file://")) as archive:
        assert "m" in {Path(name).name for name in archive.getnames()}


def test_a_container_gets_a_terminal_and_a_shared_network_and_no_user(container: str) -> None:
    program = container + (
        "made = c._create_docker_host('algo', ['PRICE=$5'], set(), 'train', []); "
        "print(made['tty'], 'user' in made, *made['networks'], *made['environment'])"
    )
    assert told(program) == ["True", "False", "sagemaker-local", "PRICE=$5"]


def test_outputs_of_a_processing_job_are_uploaded_however_it_ended() -> None:
    program = (
        "import inspect; from sagemaker.core.local.image import _SageMakerContainer as C; "
        "text = inspect.getsource(C.process); print(text.index('finally') < text.index('_upload_processing_outputs'))"
    )
    assert told(program) == ["True"]


def test_the_members_that_the_bridge_overrides_are_the_sdks() -> None:
    names = (
        *("_compose", "_create_docker_host", "_build_optml_volumes", "_upload_processing_outputs", "retrieve_artifacts"),
        *("write_config_files", "write_processing_config_files"),
    )
    assert set(names) <= vars(Bridge).keys()
    program = f"from sagemaker.core.local.image import _SageMakerContainer as C; print(*(hasattr(C, n) for n in {names!r}))"
    assert set(told(program)) == {"True"}
