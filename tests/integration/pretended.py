"""A local service that answers for AWS, and commands that run on it as on AWS, with their requests recorded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import yaml

from sagelens.aws.follower import Follower
from sagelens.aws.requests import Request
from tests.integration.conftest import Outcome, workspace_at
from tests.places import place_of

PLACE = place_of("pretended", "000000000000")
BUCKET = PLACE.bucket
UNGUARDED = {"strategy": [{"kind": "all-at-once"}], "alarms": {"waived": "nobody calls it"}}
RECORDED = """
import json
import os
import signal
import sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born deaf to it
from infra.permissions.requests import CALLS
from sagelens.cli.app import run_app
from sagelens.testing.recorder import Recorder
with Recorder() as recorder:
    code = run_app(sys.argv[1:])
if "RECORDED_TO" in os.environ:
    noted = [[each.service, each.operation, dict(each.parameters) | {"Body": ""}] for each in recorder.requests]
    Path(os.environ["RECORDED_TO"]).write_text(json.dumps(noted, default=str))
recorder.verify({call.method for call in CALLS} | {"create_multipart_upload", "upload_part", "complete_multipart_upload"})
sys.stderr.write("recorded: " + " ".join(sorted(recorder.methods)) + chr(10))
sys.exit(code)
"""


class Pretended:
    """A project whose environment `pretended` has the target aws, and a local service that answers for AWS."""

    def __init__(self, root: Path, *, clock: str = "1x", deployment: Mapping[str, Any] = UNGUARDED) -> None:
        self.workspace = workspace_at(root)
        self.workspace.run("local", "start", "--clock", clock)
        self.deployment = deployment
        self.variables = {name: value for name, value in self.workspace.aws().items() if name.startswith("AWS_")}
        self.configure()

    def configure(self, **changes: Any) -> None:
        environment = {
            "name": "pretended",
            "target": "aws",
            "bucket": BUCKET,
            "role": "arn:aws:iam::000000000000:role/pretended",
            "image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/sagelens:1",
            "costs": {"instances": {"ml.m5.xlarge": 0.23, "ml.m5.large": 0.115}, "volume_gb_month": 0.1, "budget": 100},
            **changes,
        }
        file = self.workspace.root / "configs" / "environments" / "pretended.yaml"
        file.write_text(yaml.safe_dump({"environment": environment, "deployment": dict(self.deployment)}))

    def run(self, *arguments: str) -> Outcome:
        """A command whose every request is recorded, and held to botocore's model and to the reviewed list."""
        process = self.background(*arguments)
        try:
            out, err = process.communicate(timeout=300)
        finally:
            process.kill()
        return Outcome(process.returncode, out, err)

    def requests(self, *arguments: str) -> list[Request]:
        """What a command that ends well has sent, bodies left out."""
        file = self.workspace.root / "requests.json"
        self.variables["RECORDED_TO"] = str(file)
        outcome = self.run(*arguments)
        del self.variables["RECORDED_TO"]
        assert outcome.code == 0, outcome.err
        return [Request(*each) for each in json.loads(file.read_text())]

    def background(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", RECORDED, *arguments, "--env", "pretended"],
            cwd=self.workspace.root,
            env=self.workspace.environment() | self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def interrupted(self, *arguments: str, after: str) -> Outcome:
        """A command that gets Ctrl-C once it has said this."""
        process = self.background(*arguments)
        assert process.stderr is not None
        said = ""
        while after not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        return Outcome(process.returncode, out, said + err)

    def client(self, service: str) -> Any:
        before = dict(os.environ)
        os.environ.update(self.variables)
        try:
            return boto3.session.Session().client(service)
        finally:
            os.environ.clear()
            os.environ.update(before)

    def followed(self, arn: str, bucket: str) -> dict[str, Any]:
        """The document that a follower makes from the API alone, with a bucket of its own to keep it in."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket=bucket)
        return Follower(sagemaker=self.client("sagemaker"), s3=s3, logs=self.client("logs"), bucket=bucket).look(arn)

    def document(self, arn: str, bucket: str) -> dict[str, Any]:
        pipeline, _, execution = arn.rpartition(":pipeline/")[2].partition("/execution/")
        body = self.client("s3").get_object(Bucket=bucket, Key=f"{pipeline}/{execution}/execution.json")["Body"].read()
        return dict(json.loads(body))
