"""The CDK app. Alone here are accounts and Regions known. It looks nothing up, so it works without a network.

python -m infra.app [FOLDER]: writes the templates of all environments below FOLDER (infra/cdk.out).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks

from infra.permissions.place import Place, Purpose
from infra.settings import Settings, load
from infra.stacks.base import Base
from infra.stacks.operations import Operations
from infra.stacks.security import Security

__all__ = ["build", "main"]

_FLAGS = {
    "@aws-cdk/aws-iam:minimizePolicies": False,  # statements stay as they are written, one reason each
    "@aws-cdk/aws-s3:createDefaultLoggingPolicy": True,
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/core:enablePartitionLiterals": True,
    "aws:cdk:enable-asset-metadata": False,
    "aws:cdk:version-reporting": False,
}


def build(settings: Settings, folder: Path) -> cdk.App:
    """Three stacks for each environment, named after both, checked by two nag packs."""
    app = cdk.App(outdir=str(folder), context={**_FLAGS, **_zones(settings)}, analytics_reporting=False)
    for environment in settings.environments:
        _stage(app, Place(settings, environment))
    cdk.Aspects.of(app).add(AwsSolutionsChecks(verbose=True))
    cdk.Aspects.of(app).add(HIPAASecurityChecks(verbose=True))
    return app


def _zones(settings: Settings) -> dict[str, list[str]]:
    """The answer to what CDK would ask AWS for."""
    return {f"availability-zones:account={e.account}:region={e.region}": list(e.zones) for e in settings.environments}


def _stage(app: cdk.App, place: Place) -> None:
    environment = place.environment
    where = cdk.Environment(account=environment.account, region=environment.region)
    tags = {"sagelens:project": place.settings.project, "sagelens:environment": environment.name}

    def named(part: str) -> str:
        return f"{place.prefix}-{environment.name}-{part}"

    security = Security(app, named("security"), place=place, env=where, tags=tags)
    Base(app, named("base"), place=security.place, keys=security.keys, env=where, tags=tags)
    operations = Operations(app, named("operations"), place=security.place, key=security.keys[Purpose.LOGS], env=where, tags=tags)
    operations.add_stack_dependency(security)


def main() -> None:
    """CDK's command names its folder in CDK_OUTDIR."""
    default = os.environ.get("CDK_OUTDIR") or str(Path(__file__).with_name("cdk.out"))
    build(load(), Path(sys.argv[1] if len(sys.argv) > 1 else default)).synth()


if __name__ == "__main__":
    main()
