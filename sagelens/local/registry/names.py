"""ARNs of what the registry keeps."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Names"]


@dataclass(frozen=True, kw_only=True)
class Names:
    account: str
    region: str

    def group(self, name: str) -> str:
        """From a name or an ARN."""
        return self._arn("model-package-group", name)

    def package(self, name: str) -> str:
        """From an ARN, `<group>/<version>`, or the name of an unversioned package."""
        return self._arn("model-package", name)

    def model(self, name: str) -> str:
        return self._arn("model", name)

    def _arn(self, kind: str, name: str) -> str:
        return name if name.startswith("arn:") else f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{name}"
