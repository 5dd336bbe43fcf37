"""The object store: a folder, which other clients reach over the S3 API."""

from __future__ import annotations

from sagelens.local.objects.server import S3Server
from sagelens.local.objects.store import ObjectStore

__all__ = ["ObjectStore", "S3Server"]
