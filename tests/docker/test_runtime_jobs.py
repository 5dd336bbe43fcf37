"""Jobs in real containers, asked for by hand: what goes in, what comes out, and how they end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagelens.local import lifecycle
from tests.docker.runtime import Service

OUT = "/opt/ml/processing/output"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("project"))
    yield service
    service.stop()
    assert service.containers() == []


def test_a_job_reads_and_writes_over_s3_and_its_log_is_what_it_wrote(service: Service) -> None:
    script = f"cat /opt/ml/processing/input/in/a.txt > {OUT}/words/w.txt; echo $PRICE for $PROCESSING_JOB_NAME; printf last"

    service.process("plain", script, Environment={"PRICE": "$5"})
    done = service.ended("Processing", "plain")

    assert done["ProcessingJobStatus"] == "Completed", done
    assert service.get("plain/words/w.txt") == "one\n"
    assert service.log("Processing", "plain") == "$5 for plain\nlast"


def test_a_failed_job_leaves_its_message_and_its_evidence_alone(service: Service) -> None:
    script = (
        f"echo x > {OUT}/words/w; echo y > {OUT}/evidence/evidence.json; printf 'data-gate: no' > /opt/ml/output/message; exit 3"
    )

    service.process("failing", script)
    done = service.ended("Processing", "failing")

    assert done["ProcessingJobStatus"] == "Failed"
    assert done["FailureReason"].endswith("exit code: 3")
    assert done["ExitMessage"] == "data-gate: no"
    assert service.keys("failing/words") == []
    assert service.get("failing/evidence/evidence.json") == "y\n"


def test_a_job_that_is_stopped_may_tidy_up_and_leaves_no_container(service: Service) -> None:
    service.process("stopped", "trap 'echo tidy; exit 0' TERM; echo ready; while :; do sleep 0.1; done")
    service.wait_for("ready", "Processing", "stopped")

    service.sagemaker.stop_processing_job(ProcessingJobName="stopped")

    assert service.ended("Processing", "stopped")["ProcessingJobStatus"] == "Stopped"
    assert "tidy" in service.log("Processing", "stopped")
    assert not any("stopped" in name for name in service.containers())


def test_a_job_that_is_stopped_before_it_has_begun_does_not_begin(service: Service) -> None:
    service.process("early", "echo ready; sleep 300")
    service.sagemaker.stop_processing_job(ProcessingJobName="early")

    assert service.ended("Processing", "early", patience=60)["ProcessingJobStatus"] == "Stopped"


def test_a_job_that_runs_out_of_time_fails_and_says_so(service: Service) -> None:
    service.process("slow", "sleep 300", seconds=4)
    done = service.ended("Processing", "slow")

    assert done["ProcessingJobStatus"] == "Failed"
    assert "MaxRuntimeExceeded" in done["FailureReason"]


def test_an_isolated_job_has_no_network_and_no_credentials(service: Service) -> None:
    script = "ls /sys/class/net; env | grep -E '^AWS_(ACCESS|SECRET|ENDPOINT)' | sed 's/=.*//'; id -u"

    service.process("isolated", script, NetworkConfig={"EnableNetworkIsolation": True})
    service.process("connected", script)
    service.ended("Processing", "isolated")
    service.ended("Processing", "connected")

    assert service.log("Processing", "isolated").split() == ["lo", str(os.getuid())]
    assert "AWS_SECRET_ACCESS_KEY" in service.log("Processing", "connected").split()


def test_a_job_that_is_not_isolated_reaches_the_service(service: Service) -> None:
    ask = "import boto3; print('I am', boto3.client('sts').get_caller_identity()['Account'])"

    service.process("asking", f'python3 -c "{ask}"')

    assert service.ended("Processing", "asking")["ProcessingJobStatus"] == "Completed", service.log("Processing", "asking")
    assert "I am 000000000000" in service.log("Processing", "asking")


def test_a_container_has_no_rights_that_it_does_not_need(service: Service) -> None:
    service.process("bounded", "grep -E '^(CapEff|NoNewPrivs)' /proc/self/status", NetworkConfig={"EnableNetworkIsolation": True})
    service.ended("Processing", "bounded")

    assert service.log("Processing", "bounded").split() == ["CapEff:", "0000000000000000", "NoNewPrivs:", "1"]


def test_a_training_job_gets_channels_and_hyperparameters_and_its_model_is_a_folder(service: Service) -> None:
    script = (
        "cat /opt/ml/input/data/rows/a.txt /opt/ml/input/config/hyperparameters.json > /opt/ml/model/m; "
        "echo auc=0.5; echo auc=0.7; echo fine > /opt/ml/output/data/notes"
    )

    service.train("trained", script, EnableNetworkIsolation=True)
    done = service.ended("Training", "trained")

    assert done["TrainingJobStatus"] == "Completed", done
    assert done["FinalMetricDataList"][0]["Value"] == pytest.approx(0.7)
    assert done["ModelArtifacts"]["S3ModelArtifacts"] == "s3://bucket/trained/trained/output/model"
    assert service.get("trained/trained/output/model/m") == 'one\n{"depth": "6"}'
    assert service.get("trained/trained/output/data/notes") == "fine\n"


def test_checkpoints_outlive_a_training_job(service: Service) -> None:
    kept = {"CheckpointConfig": {"S3Uri": "s3://bucket/kept"}, "EnableNetworkIsolation": True}
    service.train("first", "echo once > /opt/ml/checkpoints/c", **kept)
    service.ended("Training", "first")
    service.train("second", "cat /opt/ml/checkpoints/c > /opt/ml/model/m", **kept)

    assert service.ended("Training", "second")["TrainingJobStatus"] == "Completed"
    assert service.get("second/second/output/model/m") == "once\n"


def test_a_failed_training_job_tells_why_and_stores_no_model(service: Service) -> None:
    service.train("unfit", "echo m > /opt/ml/model/m; printf 'step-failed: too deep' > /opt/ml/output/failure; exit 2")
    done = service.ended("Training", "unfit")

    assert done["TrainingJobStatus"] == "Failed"
    assert done["FailureReason"] == "AlgorithmError: step-failed: too deep, exit code: 2"
    assert service.keys("unfit/unfit") == []


def test_want_of_memory_is_told_as_such(service: Service) -> None:
    service.process("greedy", "python3 -c \"b'x' * (5 << 30)\"", instance="ml.t3.medium")
    done = service.ended("Processing", "greedy")

    assert "want of memory: its container had 4 GiB, what ml.t3.medium has" in done["FailureReason"]


def test_an_image_that_is_not_there_is_named_with_what_to_do(service: Service) -> None:
    service.sagemaker.create_processing_job(
        ProcessingJobName="imageless",
        AppSpecification={"ImageUri": "nobody-has-this:1"},
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}},
        RoleArn="arn:aws:iam::000000000000:role/Any",
    )

    why = service.ended("Processing", "imageless")["FailureReason"]
    assert "'nobody-has-this:1' is not on this machine" in why
    assert "sagelens image build" in why


def test_a_service_that_was_killed_leaves_no_container_once_it_is_started_again(tmp_path: Path) -> None:
    service = Service(tmp_path)
    try:
        service.process("orphan", "echo ready; sleep 300")
        service.wait_for("ready", "Processing", "orphan")
        assert len(service.containers()) == 1

        os.kill(service.running.pid, signal.SIGKILL)
        while lifecycle.status(tmp_path) is not None:
            time.sleep(0.05)
        service.start()

        assert service.containers() == []
        assert service.ended("Processing", "orphan")["ProcessingJobStatus"] == "Failed"
    finally:
        service.stop()
