"""Putting a model behind an endpoint, and proving that it landed. Every function takes its boto3 client."""

from sagelens.deployment.deployer import Deployed, deploy, roll_back
from sagelens.deployment.endpoint import EndpointState, read_endpoint
from sagelens.deployment.models import ensure_model
from sagelens.deployment.plan import Action, Plan, Progress, ServedModel, Stage, Target, next_action, plan, progress
from sagelens.deployment.strategy import AllAtOnce, Strategy

__all__ = [
    "Action",
    "AllAtOnce",
    "Deployed",
    "EndpointState",
    "Plan",
    "Progress",
    "ServedModel",
    "Stage",
    "Strategy",
    "Target",
    "deploy",
    "ensure_model",
    "next_action",
    "plan",
    "progress",
    "read_endpoint",
    "roll_back",
]
