"""The app as a whole: offline, clean, the same each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from infra import app
from infra.app import build
from infra.functions.source import source
from infra.settings import load

PACKS = {"AwsSolutions", "HIPAA.Security"}
ENVIRONMENTS = {environment.name: environment for environment in load().environments}


def manifest(assembly: Path) -> dict[str, Any]:
    return dict(json.loads((assembly / "manifest.json").read_text()))


def test_each_environment_has_three_stacks_in_an_account_and_region_of_its_own(assembly: Path) -> None:
    stacks = {
        name: artifact["environment"]
        for name, artifact in manifest(assembly)["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }

    assert stacks == {
        f"sagelens-flights-{name}-{part}": f"aws://{environment.account}/{environment.region}"
        for name, environment in ENVIRONMENTS.items()
        for part in ("security", "base", "operations")
    }


def test_nothing_is_looked_up(assembly: Path) -> None:
    assert manifest(assembly).get("missing", []) == []


def test_nothing_is_carried_along_but_templates(assembly: Path) -> None:
    """No archive, and no function but the one that is in the template as it is: what CDK would add behind our back."""
    files = [asset for path in assembly.glob("*.assets.json") for asset in json.loads(path.read_text())["files"].values()]

    assert all(asset["source"]["path"].endswith(".template.json") for asset in files)
    for path in assembly.glob("*.template.json"):
        resources = json.loads(path.read_text())["Resources"].values()
        assert not {resource["Type"] for resource in resources if resource["Type"].startswith("Custom::")}
        written = [resource["Properties"]["Code"] for resource in resources if resource["Type"] == "AWS::Lambda::Function"]
        assert written == ([{"ZipFile": source()}] if path.name.endswith("-operations.template.json") else [])


def test_twice_the_same_templates(assembly: Path, tmp_path: Path) -> None:
    build(load(), tmp_path).synth()

    for path in assembly.glob("*.template.json"):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_both_nag_packs_looked_at_every_stack_and_found_nothing(findings: list[dict[str, str]], assembly: Path) -> None:
    reports = {path.name.partition("--")[0] for path in assembly.glob("*NagReport.csv")}

    assert reports == PACKS
    assert len(list(assembly.glob("*NagReport.csv"))) == len(PACKS) * len(ENVIRONMENTS) * 3
    assert len(findings) > 500
    assert [row for row in findings if row["Compliance"] not in {"Compliant", "Suppressed"}] == []


def test_every_suppression_has_a_reason_and_is_needed(findings: list[dict[str, str]], assembly: Path) -> None:
    used = {(row["Rule ID"].partition("[")[0], row["Exception Reason"]) for row in findings if row["Compliance"] == "Suppressed"}
    written = {
        (rule["id"], rule["reason"])
        for path in assembly.glob("*.template.json")
        for resource in json.loads(path.read_text())["Resources"].values()
        for rule in resource.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", [])
    }

    assert all(len(reason.split()) >= 8 for _, reason in written)
    assert written == used


def test_cdks_command_finds_the_app_and_its_folder(assembly: Path, tmp_path: Path) -> None:
    folder = Path(app.__file__).parent
    command = json.loads((folder / "cdk.json").read_text())["app"]
    command = command.replace("../.venv-infra/bin/python", sys.executable)

    subprocess.run(command, shell=True, cwd=folder, check=True, env={**os.environ, "CDK_OUTDIR": str(tmp_path)})

    assert manifest(tmp_path)["artifacts"].keys() == manifest(assembly)["artifacts"].keys()


def test_cfn_lint_is_silent(assembly: Path) -> None:
    templates = sorted(map(str, assembly.glob("*.template.json")))
    lint = Path(sys.executable).with_name("cfn-lint")

    done = subprocess.run(
        [lint, "--config-file", "infra/.cfnlintrc.yaml", "--", *templates], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")
