"""From an approved model package to a live endpoint."""

from __future__ import annotations

from sagelens.pipeline import Parameter, Pipeline, Step
from sagelens.project import Project
from steps.deployment import deploy, smoke_test


def deployment(project: Project) -> Pipeline:
    """Who deploys and why come as parameters, so that they do not make another definition."""
    package, by, reason = Parameter("ModelPackageArn"), Parameter("DeployedBy", ""), Parameter("Reason", "")
    return Pipeline(
        "deployment",
        Step(
            deploy,
            gives=("deployment",),
            params={
                "package": package,
                "settings": project.deployment,
                "hosting": project.environment.endpoint,
                "role": project.environment.role_of("endpoint"),
                "placement": project.placement,
                "bucket": project.environment.bucket,
                "by": by,
                "reason": reason,
            },
            cache=False,
        ),
        Step(smoke_test, gives=("smoke",), params={"rows": project.deployment.smoke_rows}, cache=False),
        parameters=(package, by, reason),
    )
