"""The AWS Well-Architected Machine Learning Lens as working code: ML pipelines that run on a laptop and on SageMaker."""

__all__ = ["__version__"]

__version__ = "0.1.0"
