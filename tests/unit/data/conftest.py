"""Small sources on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagelens.values import Classification, LocalSource, Source, SourceFormat


def declare(uri: str = "x", form: SourceFormat = SourceFormat.CSV, **more: Any) -> Source:
    return Source(uri=uri, format=form, licence="CC0-1.0", classification=Classification.PUBLIC, owner="me@example.com", **more)


@pytest.fixture
def local(tmp_path: Path) -> Callable[..., LocalSource]:
    """A source named `flights` in a folder, holding these files."""

    def make(files: dict[str, bytes | str], form: SourceFormat = SourceFormat.CSV, **more: Any) -> LocalSource:
        folder = tmp_path / "source-flights"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return LocalSource(name="flights", source=declare(form=form, **more), path=folder, digest="d")

    return make
