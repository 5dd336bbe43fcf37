"""The API over HTTP, served once for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.local_core.front import Client, Front, serving


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    with serving() as front:
        yield front


@pytest.fixture
def client(front: Front) -> Client:
    return front.connect()
