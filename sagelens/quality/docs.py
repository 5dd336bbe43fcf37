"""Great Expectations' Data Docs, built on demand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagelens.data import Table
from sagelens.quality.context import new_context, quietly
from sagelens.quality.suite import parse_suite

__all__ = ["data_docs"]


def data_docs(tables: Mapping[str, Table], *, gate: str, suites: Mapping[str, Mapping[str, Any]], folder: Path) -> Path:
    """Validate each table in full and write the gate's site below `folder`; returns its first page."""
    with quietly():
        _build(tables, gate, suites, folder)
    return folder / "index.html"


def _build(tables: Mapping[str, Table], gate: str, suites: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    import great_expectations as gx
    from great_expectations.checkpoint.actions import UpdateDataDocsAction

    context = new_context()
    context.add_data_docs_site(site_name=gate, site_config=_site(folder))
    source = context.data_sources.add_pandas(gate)
    for name, table in tables.items():
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)
        definition = gx.ValidationDefinition(name=name, data=batch, suite=context.suites.add(_suite(name, suites[name])))
        checkpoint = gx.Checkpoint(
            name=name,
            validation_definitions=[context.validation_definitions.add(definition)],
            actions=[UpdateDataDocsAction(name="data_docs", site_names=[gate])],
            result_format="SUMMARY",
        )
        context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": table.to_pandas()})


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }


def _suite(table: str, content: Mapping[str, Any]) -> Any:
    """A suite for each table, since several tables may be held to the same file."""
    import great_expectations as gx

    suite = parse_suite(content)
    expectations = [
        {"type": e.type, "kwargs": dict(e.kwargs), "severity": e.severity.value, "meta": dict(e.meta)} for e in suite.expectations
    ]
    return gx.ExpectationSuite(name=f"{table} ({suite.name})", expectations=expectations)
