"""Great Expectations' Data Docs, built on demand from the gate's own verdict, so that the pages say what the gate said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sagelens.data import Table
from sagelens.quality.context import new_context, quietly
from sagelens.quality.gate import check_tables
from sagelens.quality.suite import Expectation, parse_suite
from sagelens.values import Check, Verdict

__all__ = ["data_docs"]


def data_docs(tables: Mapping[str, Table], *, gate: str, suites: Mapping[str, Mapping[str, Any]], folder: Path) -> Path:
    """Validate each table and write the gate's site below `folder`; returns its first page. Raises BadConfig."""
    held = {name: dict(suites[name]) for name in tables}
    verdict = check_tables(*tables.values(), gate=gate, tables=tuple(tables), suites=held)
    with quietly():
        _build(verdict, held, folder)
    return folder / "index.html"


def _build(verdict: Verdict, suites: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import ExpectationSuiteIdentifier, ValidationResultIdentifier

    context = new_context()
    context.add_data_docs_site(site_name=verdict.gate, site_config=_site(folder))
    run, checks = RunIdentifier(run_name=verdict.gate), iter(verdict.checks)
    for table, content in suites.items():
        suite = parse_suite(content)
        name = f"{table} ({suite.name})"  # several tables may be held to the same file
        result = _suite_result(name, suite.expectations, [next(checks) for _ in suite.expectations], verdict.gate)
        key = ValidationResultIdentifier(ExpectationSuiteIdentifier(name=name), run_id=run, batch_identifier=table)
        context.validation_results_store.add_or_update(key, result)
    context.build_data_docs(site_names=[verdict.gate])


def _suite_result(name: str, expectations: Sequence[Expectation], checks: Sequence[Check], run: str) -> Any:
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

    passed = sum(check.passed for check in checks)
    return ExpectationSuiteValidationResult(
        success=passed == len(checks),
        results=[_result(expectation, check) for expectation, check in zip(expectations, checks, strict=True)],
        suite_name=name,
        statistics={
            "evaluated_expectations": len(checks),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(checks) - passed,
            "success_percent": 100 * passed / len(checks),
        },
        meta={"run_id": {"run_name": run}},
    )


def _result(expectation: Expectation, check: Check) -> Any:
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    found: dict[str, Any] = {"observed_value": check.observed}
    if check.unexpected_count is not None:
        shown = [", ".join(str(row.get(column)) for column in expectation.columns) for row in check.sample]
        found |= {
            "unexpected_count": check.unexpected_count,
            "unexpected_percent": check.unexpected_percent,
            "partial_unexpected_list": shown,
        }
    return ExpectationValidationResult(
        success=check.passed,
        expectation_config=ExpectationConfiguration(
            type=expectation.type, kwargs=dict(expectation.kwargs), meta=dict(expectation.meta), severity=check.severity.value
        ),
        result=found,
        exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
    )


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
