"""How the columns that a transform gives are named."""

from __future__ import annotations

__all__ = ["code_name"]


def code_name(category: str) -> str:
    """The column of a category's code."""
    return f"{category}_code"
