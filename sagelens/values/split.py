"""How rows are divided into train, validation and test."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TimeSplit"]


@dataclass(frozen=True, kw_only=True)
class TimeSplit:
    """By the value of one column that orders time (months, say): later rows never train a model that earlier rows test."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, which forbids an annotation here

    column: str
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]

    def __post_init__(self) -> None:
        for earlier, later, names in (
            (self.train, self.validation, "train and validation"),
            (self.validation, self.test, "validation and test"),
        ):
            if not earlier or not later:
                raise ValueError(f"a split is empty; give at least one value of {self.column} to each of {names}")
            if max(earlier) >= min(later):
                raise ValueError(f"{names} overlap in time: {max(earlier)} is not before {min(later)}")
