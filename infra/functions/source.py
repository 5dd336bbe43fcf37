"""The starter as one file, which a template can hold."""

from __future__ import annotations

from pathlib import Path

__all__ = ["source"]

_HERE = Path(__file__).parent
_VERSIONS = _HERE.parents[1] / "sagelens" / "pipeline" / "data_version.py"
_FUTURE = "from __future__ import annotations\n"


def source() -> str:
    """What finds the versions of data, the same file that `sagelens run` uses, and after it the starter."""
    lines = (_HERE / "starter.py").read_text().splitlines(keepends=True)
    own = "".join(line for line in lines if line != _FUTURE and not line.startswith("from sagelens."))
    return f"{_VERSIONS.read_text()}\n\n{own}"
