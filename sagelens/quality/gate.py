"""The step behind every data gate: suites on tables, one verdict."""

from __future__ import annotations

from typing import Any

from sagelens.data import Table
from sagelens.errors import BadConfig
from sagelens.quality.phrases import expected_of, listing, subject_of
from sagelens.quality.port import Executor, Finding
from sagelens.quality.suite import Expectation, Suite, parse_suite
from sagelens.values import Check, GateKind, Severity, Verdict

__all__ = ["check_table", "check_tables"]


def check_tables(*artifacts: Table, gate: str, tables: tuple[str, ...], suites: dict[str, dict[str, Any]]) -> Verdict:
    """Run each table's suite; `tables` names the artifacts in their order. Raises BadConfig for a suite that cannot be run."""
    from sagelens.quality.duckdb_executor import DuckDBExecutor

    if len(artifacts) != len(tables):
        raise BadConfig(f"Gate '{gate}' was given {len(artifacts)} tables but {len(tables)} names: {', '.join(tables)}.")
    parsed = {name: parse_suite(suites[name]) for name in tables}
    executor = DuckDBExecutor()
    checks = [
        check
        for name, table in zip(tables, artifacts, strict=True)
        for check in check_table(table, name=name, suite=parsed[name], executor=executor)
    ]
    return Verdict.of(gate, GateKind.DATA, tuple(checks))


def check_table(table: Table, *, name: str, suite: Suite, executor: Executor) -> list[Check]:
    """One check an expectation, in the suite's order.

    A missing column, or one whose values the expectation cannot be asked of, fails it whatever its severity: a warning that
    cannot be given must not pass for none.
    """
    present = tuple(table.columns)
    runnable = tuple(e for e in suite.expectations if set(e.needs) <= set(present))
    found = iter(executor.run(table, Suite(name=suite.name, expectations=runnable, key=suite.key)))
    return [
        _check(name, e, next(found)) if set(e.needs) <= set(present) else _missing(name, e, present) for e in suite.expectations
    ]


def _check(table: str, expectation: Expectation, finding: Finding) -> Check:
    return Check(
        name=expectation.type,
        subject=subject_of(table, expectation),
        passed=finding.passed,
        observed=finding.observed or "as expected",
        expected=expected_of(expectation),
        severity=Severity.CRITICAL if finding.undecided else expectation.severity,
        unexpected_count=finding.unexpected_count,
        unexpected_percent=finding.unexpected_percent,
        sample=finding.sample,
    )


def _missing(table: str, expectation: Expectation, present: tuple[str, ...]) -> Check:
    absent = [column for column in expectation.needs if column not in present]
    return Check(
        name=expectation.type,
        subject=subject_of(table, expectation),
        passed=False,
        observed=f"no column {', '.join(absent)} in the table; it has {listing(present, 30)}",
        expected=expected_of(expectation),
        severity=Severity.CRITICAL,
    )
