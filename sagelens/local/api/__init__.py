"""The HTTP front of the local SageMaker: AWS's own protocols, decoded, validated and encoded from botocore's service models."""

from __future__ import annotations

from sagelens.local.api.api import Api

__all__ = ["Api"]
