"""From an approved model package to a live endpoint."""

from __future__ import annotations

from sagelens.pipeline import Parameter, Pipeline, Step
from sagelens.project import Project
from steps.deployment import deploy, smoke_test


def deployment(project: Project) -> Pipeline:
    package = Parameter("ModelPackageArn")
    settings = project.environment.endpoint
    return Pipeline(
        "deployment",
        Step(
            deploy,
            gives=("deployment",),
            params={
                "package": package,
                "endpoint": project.deployment.endpoint,
                "variant": project.deployment.variant,
                "instance_type": settings.instance_type,
                "instance_count": settings.instance_count,
                "role": project.environment.role,
            },
            cache=False,
        ),
        Step(smoke_test, gives=("smoke",), params={"rows": project.deployment.smoke_rows}, cache=False),
        parameters=(package,),
    )
