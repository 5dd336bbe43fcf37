"""Model packages: registering, finding, approving. Every function takes its boto3 client."""

from sagelens.registry.approval import approve, reject
from sagelens.registry.package import ModelPackage
from sagelens.registry.proof import deployable
from sagelens.registry.register import Candidate, Registered, register
from sagelens.registry.schema import SchemaDiff, check_callers, compare_schemas
from sagelens.registry.search import describe, find_by_digest, latest_approved

__all__ = [
    "Candidate",
    "ModelPackage",
    "Registered",
    "SchemaDiff",
    "approve",
    "check_callers",
    "compare_schemas",
    "deployable",
    "describe",
    "find_by_digest",
    "latest_approved",
    "register",
    "reject",
]
