"""docs/infrastructure.md tells the roles as they are."""

from __future__ import annotations

from infra.permissions.place import Role
from infra.permissions.table import PAGE, written


def test_the_page_shows_every_role_as_the_code_has_it() -> None:
    page = PAGE.read_text()

    assert page == written(page), "Run python -m infra.permissions.table"
    assert all(f"### `sagelens-flights-{role}`" in page for role in Role)
    assert "| `sagemaker:InvokeEndpoint` | `arn:aws:sagemaker:REGION:ACCOUNT:endpoint/flights` | [AWS: front]" in page
