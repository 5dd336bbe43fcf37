"""Importing is cheap: no heavy vendor is loaded for a room, a pipeline or the help of the command line."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "boto3", "botocore", "duckdb", "great_expectations", "ibis", "matplotlib", "mlflow", "numpy", "pandas", "pyarrow",
    "sagemaker", "sklearn", "xgboost",
)  # fmt: skip
ROOMS = (
    "data", "deployment", "evaluation", "features", "job", "local", "pipeline", "project", "quality", "registry", "serving",
    "tracking", "training", "values", "wiring",
)  # fmt: skip
MODULES = (
    "sagelens",
    *(f"sagelens.{room}" for room in ROOMS),
    "sagelens.cli.main",
    "sagelens.cli.app",
    "sagelens.local.lifecycle",
    "pipelines.training",
    "pipelines.deployment",
    "pipelines.scoring",
)


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_module_loads_no_heavy_vendor(module: str) -> None:
    program = f"import sys, {module}; print(*sorted(name for name in {HEAVY!r} if name in sys.modules))"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert loaded == []


def test_the_way_to_a_warm_interpreter_is_the_standard_library_alone() -> None:
    program = (
        "import sys; import sagelens.cli.main, sagelens.cli.service, sagelens.local.warm, sagelens.local.lifecycle; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'sagelens', '__main__'}))"
    )

    loaded = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False)

    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.split() == []


def test_help_loads_no_room_of_the_library() -> None:
    """It is asked for often, and what it shows is on the command line alone."""
    program = (
        "import sys; from sagelens.cli.app import run_app; run_app(['--help']); "
        f"print(*sorted(room for room in {ROOMS!r} if f'sagelens.{{room}}' in sys.modules), file=sys.stderr)"
    )

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr.split()

    assert loaded == []
