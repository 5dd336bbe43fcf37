"""The phases of CRISP-DM as the Machine Learning Lens lays them out."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Phase"]


class Phase(StrEnum):
    FRAMING = "framing"
    COLLECTION = "collection"
    QUALITY = "data-quality"
    EXPLORATION = "exploration"
    PREPARATION = "preparation"
    FEATURES = "feature-engineering"
    TRAINING = "training"
    EVALUATION = "evaluation"
    REGISTRATION = "registration"
    DEPLOYMENT = "deployment"
    SCORING = "batch-scoring"
    MONITORING = "monitoring"
