"""The answer to a definition or a request that cannot be used."""

from __future__ import annotations

from sagelens.local.ports import ApiError

__all__ = ["Invalid"]


class Invalid(ApiError):
    """A ValidationException; the message names the step and the field."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)
