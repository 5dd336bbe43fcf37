"""ARNs of pipelines and their executions."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Arns"]


@dataclass(frozen=True)
class Arns:
    account: str
    region: str

    def pipeline(self, name: str) -> str:
        return f"arn:aws:sagemaker:{self.region}:{self.account}:pipeline/{name}"

    def execution(self, pipeline: str, execution_id: str) -> str:
        return f"{self.pipeline(pipeline)}/execution/{execution_id}"

    @staticmethod
    def pipeline_name(name_or_arn: str) -> str:
        """The name in a request field that takes a name or an ARN."""
        return name_or_arn.partition(":pipeline/")[2] or name_or_arn
