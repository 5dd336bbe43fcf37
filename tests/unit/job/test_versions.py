"""The versions in evidence, whichever distribution a module came with."""

from __future__ import annotations

import sys
from importlib import metadata
from types import ModuleType

import pytest

from sagelens.job import evidence


def test_the_version_of_a_build_under_another_name_is_recorded_under_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "xgboost":
            raise metadata.PackageNotFoundError(name)
        return f"{name} 3"

    monkeypatch.setitem(sys.modules, "xgboost", ModuleType("xgboost"))
    monkeypatch.setattr(metadata, "version", version)
    evidence._version_of.cache_clear()
    try:
        assert evidence.versions()["xgboost"] == "xgboost-cpu 3"
    finally:
        evidence._version_of.cache_clear()
