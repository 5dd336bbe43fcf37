"""One HTML page about a run: what was done, what was decided, and what the model is worth. Pure: values in, text out."""

from sagelens.evaluation.report.material import Deployment, Execution, Material
from sagelens.evaluation.report.page import render

__all__ = ["Deployment", "Execution", "Material", "render"]
