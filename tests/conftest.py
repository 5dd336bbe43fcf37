"""For all tests."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes depends on what else the machine does: it is measured in benchmarks/, not here.
settings.register_profile("sagelens", deadline=None)
settings.load_profile("sagelens")
