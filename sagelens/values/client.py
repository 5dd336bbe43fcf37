"""How a step asks for an AWS client: a keyword-only parameter with one of these annotations; the job hands it in.

def register(model: Folder, *, sagemaker: SageMakerClient) -> Registration: ...
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

__all__ = ["Client", "CloudWatchClient", "RuntimeClient", "S3Client", "SageMakerClient", "StsClient"]


@dataclass(frozen=True)
class Client:
    """Marks a parameter that receives a boto3 client of this service."""

    service: str


CloudWatchClient = Annotated[Any, Client("cloudwatch")]
RuntimeClient = Annotated[Any, Client("sagemaker-runtime")]
S3Client = Annotated[Any, Client("s3")]
SageMakerClient = Annotated[Any, Client("sagemaker")]
StsClient = Annotated[Any, Client("sts")]
