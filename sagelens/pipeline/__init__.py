"""Steps and pipelines as values, and their compilation with the SageMaker SDK."""

from sagelens.pipeline.pipeline import Gate, ModelGate, Pipeline, QualityGate, SdkStep, Transform
from sagelens.pipeline.step import Job, Parameter, Step

__all__ = ["Gate", "Job", "ModelGate", "Parameter", "Pipeline", "QualityGate", "SdkStep", "Step", "Transform"]
