"""The roles as pages of docs/infrastructure.md: python -m infra.permissions.table writes them there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from infra.permissions.evaluate import Need, allows
from infra.permissions.grant import Grant
from infra.permissions.place import Place, Purpose, Role
from infra.permissions.policies import PURPOSES, grants
from infra.permissions.requests import needs_of_code
from infra.permissions.service import SOURCES, needs_of_services
from infra.settings import load

__all__ = ["PAGE", "written"]

PAGE = Path(__file__).parents[2] / "docs" / "infrastructure.md"
_BEGIN, _END = "<!-- roles: written by infra.permissions.table -->\n", "<!-- end of roles -->\n"


def written(page: str) -> str:
    """The page with the roles as the code has them now."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{_roles()}{_END}{after}"


def _roles() -> str:
    settings = load()
    environment = next(each for each in settings.environments if each.name == "staging")
    place = Place(settings, environment, {purpose: f"key {purpose}" for purpose in Purpose})
    needs = [*needs_of_code(place), *needs_of_services(place)]
    sections = "".join(_section(role, place, [need for need in needs if need.role == role]) for role in Role)
    return (
        sections.replace(environment.account, "ACCOUNT").replace(environment.region, "REGION").replace("staging-ACC", "ENV-ACC")
    )


def _section(role: Role, place: Place, needs: list[Need]) -> str:
    rows = "".join(_row(grant, needs) for grant in grants(role, place))
    head = "| may | on | because of | why it is as wide |\n|---|---|---|---|\n"
    return f"\n### `{place.role_name(role)}`\n\nFor {PURPOSES[role]}.\n\n{head}{rows}"


def _row(grant: Grant, needs: list[Need]) -> str:
    sources = sorted({_source(need.source) for need in needs if allows(grant.statement(), need)})
    wide = grant.wide.text if grant.wide else ""
    return f"| {_lines(grant.actions)} | {_lines(grant.resources)} | {'<br>'.join(sources)} | {wide} |\n"


def _source(source: str) -> str:
    named = {address: name for name, address in SOURCES.items()}
    return f"[AWS: {named[source]}]" if source in named else f"`{source.removeprefix('sagelens/')}`"


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(f"`{text}`" for text in texts)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
