"""How long steps took in earlier runs, kept below .sagelens/, so that a dry run without a network can count with it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["recall", "remember", "seconds_in"]


def seconds_in(document: Mapping[str, Any]) -> dict[str, float]:
    """Of the steps that really ran and succeeded."""
    return {
        step["name"]: float(step["seconds"])
        for step in document["steps"]
        if step["status"] == "Succeeded" and step["cache"] != "hit" and step["seconds"]
    }


def recall(root: Path, environment: str, pipeline: str) -> dict[str, float]:
    """Seconds by step; empty where nothing was kept."""
    try:
        known = json.loads(_file(root, environment, pipeline).read_text())
        return {str(step): float(seconds) for step, seconds in known.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def remember(root: Path, environment: str, document: Mapping[str, Any]) -> None:
    """Keep the times of an execution that has ended; a step that was reused keeps those of before."""
    file = _file(root, environment, document["pipeline"])
    known = recall(root, environment, document["pipeline"]) | seconds_in(document)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(json.dumps(known, sort_keys=True))
    draft.replace(file)


def _file(root: Path, environment: str, pipeline: str) -> Path:
    return root / ".sagelens" / "recorded" / environment / f"{pipeline}.json"
