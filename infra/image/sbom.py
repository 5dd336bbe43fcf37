"""A bill of materials in CycloneDX 1.6: Python, its distributions, and Debian's packages.

Made from what is installed, with no time and no random number in it, so that equal contents give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import platform
import uuid
from collections.abc import Iterator
from email.message import Message
from email.parser import HeaderParser
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

__all__ = ["bill"]


def bill(packages: Path, dpkg: Path) -> str:
    """The bill as JSON text. `packages` is a site-packages folder, `dpkg` the list of Debian's package manager."""
    components = [_python(), *_distributions(packages), *_debian(dpkg)]
    components.sort(key=lambda component: component["bom-ref"])
    digest = hashlib.sha256(json.dumps(components, sort_keys=True).encode()).hexdigest()
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, digest).urn,
        "version": 1,
        "metadata": {"component": {"type": "container", "name": "sagelens", "bom-ref": "sagelens"}},
        "components": components,
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _python() -> dict[str, Any]:
    version = platform.python_version()
    return _component("application", "python", version, f"pkg:generic/python@{version}", "PSF-2.0")


def _distributions(packages: Path) -> Iterator[dict[str, Any]]:
    for found in distributions(path=[str(packages)]):
        name, version = found.metadata["Name"], found.version
        normal = name.lower().replace("_", "-").replace(".", "-")
        yield _component("library", name, version, f"pkg:pypi/{normal}@{quote(version)}", _licence(found))


def _licence(found: Distribution) -> str | None:
    """An expression where there is one; else the short text of the older field, or of the classifiers."""
    if expression := _field(found, "License-Expression"):
        return expression
    text = _field(found, "License")
    if text and "\n" not in text and len(text) < 80:
        return text
    classifiers = (each for each in found.metadata.get_all("Classifier") or () if each.startswith("License ::"))
    return next((each.rpartition(" :: ")[2] for each in classifiers), None)


def _field(found: Distribution, name: str) -> str:
    return str(found.metadata[name]).strip() if name in found.metadata else ""


def _debian(dpkg: Path) -> Iterator[dict[str, Any]]:
    if not dpkg.is_file():
        return
    for paragraph in dpkg.read_text(encoding="utf-8").split("\n\n"):
        fields: Message = HeaderParser().parsestr(paragraph.strip())
        if fields.get("Status", "").endswith(" installed"):
            name, version, architecture = fields["Package"], fields["Version"], fields["Architecture"]
            yield _component("library", name, version, f"pkg:deb/debian/{name}@{quote(version)}?arch={architecture}", None)


def _component(kind: str, name: str, version: str, purl: str, licence: str | None) -> dict[str, Any]:
    made: dict[str, Any] = {"type": kind, "name": name, "version": version, "purl": purl, "bom-ref": purl}
    if licence:
        made["licenses"] = [{"license": {"name": licence}}]
    return made
