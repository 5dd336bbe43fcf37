"""Who the caller is, as far as clients ask: sts GetCallerIdentity and iam GetRole."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import quote

from sagelens.local.ports import Clock, Document, Handler, Request

__all__ = ["Identity"]

_ROLE = "sagelens-local"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class Identity:
    """Every role exists, and the caller has assumed one: nothing is guarded by IAM on one's own machine."""

    def __init__(self, clock: Clock, *, account: str) -> None:
        self._account = account
        self._started = clock.time()

    def handlers(self) -> dict[str, Handler]:
        return {"sts.GetCallerIdentity": self.caller, "iam.GetRole": self.role}

    async def caller(self, _: Request) -> Document:
        return {
            "UserId": f"{_role_id(_ROLE)}:sagelens",
            "Account": self._account,
            "Arn": f"arn:aws:sts::{self._account}:assumed-role/{_ROLE}/sagelens",
        }

    async def role(self, request: Request) -> Document:
        name = request["RoleName"]
        return {
            "Role": {
                "Path": "/",
                "RoleName": name,
                "RoleId": _role_id(name),
                "Arn": f"arn:aws:iam::{self._account}:role/{name}",
                "CreateDate": self._started,
                "AssumeRolePolicyDocument": quote(json.dumps(_TRUST)),
            }
        }


def _role_id(name: str) -> str:
    return f"AROA{hashlib.sha256(name.encode()).hexdigest()[:17].upper()}"
