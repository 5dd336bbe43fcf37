"""What each warm interpreter imports before it is asked to fork. What is not installed is skipped; its log says so."""

from __future__ import annotations

__all__ = [
    "BASE",
    "CALLS",
    "CLIENTS",
    "FAMILIES",
    "ORDER",
    "RECORDS",
    "ROOMS",
    "WARM_ENVIRONMENT",
    "abilities",
    "families_of",
    "lineage",
]

BASE = "base"

_TABLES = ("duckdb", "sqlglot", "sqlglot.dialects.duckdb", "ibis", "ibis.expr.api", "ibis.backends.duckdb")

FAMILIES: dict[str, tuple[str, ...]] = {
    "base": (
        "pydantic",
        "yaml",
        "boto3",
        "botocore.client",
        "asyncio",
        "concurrent.futures",
        "multiprocessing",
    ),
    "arrays": (
        "numpy",
        "pandas",
        "pyarrow",
        "pyarrow.compute",
        "pyarrow.csv",
        "pyarrow.dataset",
        "pyarrow.parquet",
        "threadpoolctl",
    ),
    "tables": _TABLES,
    "quality": _TABLES,  # Great Expectations is for its pages alone; a gate decides without it
    "training": (
        "scipy.sparse",
        "scipy.stats",
        "sklearn.calibration",
        "sklearn.compose",
        "sklearn.impute",
        "sklearn.linear_model",
        "sklearn.metrics",
        "sklearn.pipeline",
        "sklearn.preprocessing",
        "xgboost",
        "skops.io",
        "matplotlib.figure",
        "matplotlib.backends.backend_agg",
        "matplotlib.backends.backend_svg",
        "uvicorn",
        "httptools",
        "uvloop",
    ),
    "tracking": (
        "mlflow",
        "mlflow.entities",
        "mlflow.data",
        "mlflow.models",
        "mlflow.store.tracking.sqlalchemy_store",
    ),
    "sdk": ("sagemaker.core.local.local_session", "sagelens.local.containers.local_mode"),
    "cli": (
        "typer",
        "jinja2",
        "rich.console",
        "rich.live",
        "rich.progress",
        "rich.table",
        "sagelens.cli.main",
    ),
}

# The SageMaker SDK is not among the command line's: it would hold 150 MB for the second that a changed pipeline takes to compile.

_PARENTS: dict[str, str | None] = {
    "base": None,
    "cli": "base",
    "arrays": "base",
    "sdk": "arrays",
    "tables": "arrays",
    "quality": "arrays",
    "training": "quality",
    "tracking": "training",
}
_ALSO = {"quality": ("tables",)}
"""A chain in the order in which a training pipeline needs them. The last can do what those before it can, and takes their
place: an interpreter kept for each would cost more memory by half (720 MB against 490), since the imports of a child touch most
of what it shares with its parent. `tables` stands beside the chain and is replaced by it: the first steps need no more."""

ORDER = (("base",), ("arrays", "cli"), ("sdk",), ("tables", "quality"), ("training",), ("tracking",))
"""What is started side by side, and after what. The command line is forked from the lean base, before that is replaced: the
arrays, which it has no use for, would cost it 40 MB."""

ROOMS: dict[str, tuple[str, ...]] = {
    "base": ("sagelens.values", "sagelens.project", "sagelens.job"),
    "arrays": (),
    "tables": ("sagelens.data",),
    "quality": ("sagelens.data", "sagelens.quality"),
    "training": (
        "sagelens.training",
        "sagelens.features",
        "sagelens.evaluation",
        "sagelens.serving",
        "sagelens.registry",
        "sagelens.deployment",
    ),
    "tracking": ("sagelens.tracking",),
    "sdk": (),
    "cli": ("sagelens.pipeline", "sagelens.cli", "sagelens.data", "sagelens.registry", "sagelens.evaluation.report"),
}
"""Packages of ours whose modules each family imports too. A job that brings other code than this drops them again."""

_VERSIONS = "sagelens.job.evidence:versions"
CALLS = {
    "base": (_VERSIONS, "sagelens.job.adapters:warm"),
    "arrays": (_VERSIONS,),
    "tables": (_VERSIONS, "sagelens.data.connection:warm"),
    "quality": (_VERSIONS, "sagelens.data.connection:warm"),
    "training": (_VERSIONS, "sagelens.data.figures:warm"),
    "cli": ("sagelens.cli.app:command",),
}
"""Functions without arguments, called once all is imported, that remember what every child would have to find out."""

RECORDS = {
    "quality": ("sagelens.values:Verdict",),
    "training": ("sagelens.evaluation.record:EvaluationRecord", "sagelens.evaluation.record:Comparison"),
}
"""Types of artifacts whose pydantic adapters are built before the fork."""

CLIENTS = ("sagemaker", "sagemaker-runtime", "s3", "cloudwatch", "sts")
"""Services whose model the base interpreter parses, so that a client made after the fork takes some 10 ms."""

WARM_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENBLAS_THREAD_TIMEOUT": "4",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
    "OMP_WAIT_POLICY": "passive",
    "SAGEMAKER_VALIDATE_ROLE": "false",
}
"""Set while the interpreters warm up, so that no library leaves a thread behind. OpenMP starts its threads at first use and needs
no limit, but while they wait they must not keep the cores from the steps beside them; OpenBLAS's start in every child, and
would turn for some 30 ms each before they sleep. Each child gets the environment of its own
request instead."""


def families_of(runtime: str) -> tuple[str, ...]:
    """Those that are of use in a runtime: `sdk` runs jobs in containers, which need no other one here."""
    return tuple(family for family in FAMILIES if family != "sdk" or runtime == "docker")


def lineage(family: str) -> tuple[str, ...]:
    """A family, the one whose interpreter is forked to make it, and so on up to the one that is started afresh."""
    parent = _PARENTS[family]
    return (family,) if parent is None else (family, *lineage(parent))


def abilities(family: str) -> frozenset[str]:
    """The families whose imports an interpreter of this one has."""
    line = lineage(family)
    return frozenset(line).union(*(_ALSO.get(member, ()) for member in line))
