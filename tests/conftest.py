"""For all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# How long an example takes depends on what else the machine does: it is measured in benchmarks/, not here.
settings.register_profile("sagelens", deadline=None)
settings.load_profile("sagelens")

# Where tests run side by side the terminal's width is in the environment; what they print goes to no terminal.
os.environ.pop("COLUMNS", None)
