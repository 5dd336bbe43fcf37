"""Endpoints: fleets of model servers, a router before them, and deployments that land or are undone."""

from __future__ import annotations

from sagelens.local.endpoints.endpoints import Endpoints

__all__ = ["Endpoints"]
