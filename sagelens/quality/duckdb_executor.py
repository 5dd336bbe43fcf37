"""Expectations decided in DuckDB, on the values as the table holds them.

One query asks all that can be said of rows one by one. Only what failed is asked again, for sample rows with their key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from sagelens.data import Table
from sagelens.quality.literals import Parameters, Undecidable
from sagelens.quality.phrases import listing
from sagelens.quality.port import Finding
from sagelens.quality.rows import RowTest, row_test
from sagelens.quality.suite import Expectation, Suite
from sagelens.quality.view import View, opened, plain, shown
from sagelens.quality.wholes import judge_whole

__all__ = ["DuckDBExecutor"]

_SAMPLE_ROWS = 5


class DuckDBExecutor:
    """Executor (see port.py). Writes nothing, sends nothing."""

    def run(self, table: Table, suite: Suite) -> Sequence[Finding]:
        if not suite.expectations:
            return []
        with opened(table, _columns(table, suite)) as view:
            return _Run(view, suite).findings()


class _Run:
    def __init__(self, view: View, suite: Suite) -> None:
        self._view = view
        self._suite = suite

    def findings(self) -> list[Finding]:
        passed = self._held_together()
        return [
            Finding(passed=True) if place in passed else self._decided(expectation)
            for place, expectation in enumerate(self._suite.expectations)
        ]

    def _held_together(self) -> set[int]:
        """Expectations that one pass over the rows shows to hold in each. Whatever else there is, is looked at on its own."""
        import duckdb

        parameters = Parameters()
        tests = {place: self._test(expectation, parameters) for place, expectation in enumerate(self._suite.expectations)}
        asked = {place: test for place, test in tests.items() if test and not test.otherwise and test.source == self._view.name}
        if not asked:
            return set()
        counts = ", ".join(f"count(*) FILTER (({test.within}) AND ({test.unexpected}))" for test in asked.values())
        try:
            row = self._view.row(f"SELECT {counts} FROM {self._view.name}", parameters)  # noqa: S608 - names are quoted, values parameters
        except duckdb.Error:
            return set()
        return {place for place, unexpected in zip(asked, row, strict=True) if not unexpected}

    def _test(self, expectation: Expectation, parameters: Parameters) -> RowTest | None:
        """The row test of an expectation; None where it has none, or cannot be decided."""
        import duckdb

        try:
            return row_test(self._view, expectation, parameters)
        except (Undecidable, duckdb.Error):
            return None

    def _decided(self, expectation: Expectation) -> Finding:
        import duckdb

        parameters = Parameters()
        try:
            test = row_test(self._view, expectation, parameters)
            return judge_whole(self._view, expectation) if test is None else self._judged(expectation, test, parameters)
        except Undecidable as error:
            return self._undecided(expectation, str(error))
        except duckdb.Error as error:
            return self._undecided(expectation, str(error).partition("\n")[0])

    def _undecided(self, expectation: Expectation, why: str) -> Finding:
        said = f"could not be evaluated: suite '{self._suite.name}', {expectation.type}: {why}"
        return Finding(passed=False, observed=said, undecided=True)

    def _judged(self, expectation: Expectation, test: RowTest, parameters: Parameters) -> Finding:
        rows, unexpected = self._counted(test, parameters)
        if unexpected <= (1 - _share(expectation)) * rows:
            return Finding(passed=True)
        percent = 100 * unexpected / rows
        sample = self._sample(expectation, test, parameters)
        return Finding(
            passed=False,
            observed=_observed(expectation, sample, unexpected, percent),
            unexpected_count=unexpected,
            unexpected_percent=round(percent, 4),
            sample=sample,
        )

    def _counted(self, test: RowTest, parameters: Parameters) -> tuple[int, int]:
        """The rows that count, and those of them that are otherwise."""
        unexpected = "0" if test.otherwise else f"count(*) FILTER (({test.within}) AND ({test.unexpected}))"
        sql = f"SELECT count(*) FILTER ({test.within}), {unexpected} FROM {test.source}"  # noqa: S608 - as above
        rows, count = self._view.row(sql, parameters)
        if test.otherwise:
            (count,) = self._view.row(f"SELECT count(*) FROM {test.otherwise}", parameters)  # noqa: S608 - as above
        return int(rows), int(count)

    def _sample(self, expectation: Expectation, test: RowTest, parameters: Parameters) -> tuple[dict[str, Any], ...]:
        key = [name for name in self._suite.key if name in self._view.columns]
        names = list(dict.fromkeys([*expectation.needs, *key]))
        picked = ", ".join(shown(self._view.columns[name]) for name in names)
        where = test.otherwise or f"{test.source} WHERE ({test.within}) AND ({test.unexpected})"
        rows = self._view.rows(f"SELECT {picked} FROM {where} LIMIT {_SAMPLE_ROWS}", parameters)  # noqa: S608 - as above
        return tuple({name: plain(value) for name, value in zip(names, row, strict=True)} for row in rows)


def _columns(table: Table, suite: Suite) -> Iterable[str]:
    for expectation in suite.expectations:
        yield from expectation.needs
    yield from (name for name in suite.key if name in table.columns)


def _share(expectation: Expectation) -> Fraction:
    """Of rows that must be as expected: as written, so that 0.9 of ten rows are nine."""
    mostly = expectation.kwargs.get("mostly")
    return Fraction(1 if mostly is None else str(mostly))


def _observed(expectation: Expectation, sample: Sequence[dict[str, Any]], unexpected: int, percent: float) -> str:
    said = f"{unexpected} rows otherwise ({percent:.4g} %)"
    columns = expectation.columns
    values = [", ".join(str(row[name]) for name in columns) for row in sample if any(row[name] is not None for name in columns)]
    if not values:
        return said
    quoted = [f"({value})" if len(columns) > 1 else value for value in dict.fromkeys(values)]
    return f"{said}, such as {listing(quoted, _SAMPLE_ROWS)}"
