"""What tests of a project, and of this library, put in the place of slow or distant parts."""

from __future__ import annotations

from sagelens.testing.clock import DrivenClock

__all__ = ["DrivenClock"]
