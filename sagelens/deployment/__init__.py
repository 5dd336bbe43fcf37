"""Putting a model behind an endpoint, and proving that it landed. Every function takes its boto3 clients."""

from sagelens.deployment.checks import Answers, Question, ask, read_questions
from sagelens.deployment.deployer import deploy
from sagelens.deployment.endpoint import EndpointState, VariantState, VariantStatus, read_endpoint
from sagelens.deployment.events import Event, EventKind
from sagelens.deployment.journal import Journal, Outcome, Record, history
from sagelens.deployment.models import ensure_model, model_data
from sagelens.deployment.order import Deployed, OnInconclusive, Order, Services
from sagelens.deployment.pace import Pace
from sagelens.deployment.plan import Action, Plan, Progress, ServedModel, Stage, Target, next_action, plan, progress
from sagelens.deployment.preview import Phase, PlanPreview, preview
from sagelens.deployment.release import Release, release_for
from sagelens.deployment.rollback import choose_version, release_of, rollback
from sagelens.deployment.strategy import AllAtOnce, Strategy, chain_of, deployment_config, parse_strategy
from sagelens.deployment.take_back import take_back
from sagelens.deployment.who import caller

__all__ = [
    "Action",
    "AllAtOnce",
    "Answers",
    "Deployed",
    "EndpointState",
    "Event",
    "EventKind",
    "Journal",
    "OnInconclusive",
    "Order",
    "Outcome",
    "Pace",
    "Phase",
    "Plan",
    "PlanPreview",
    "Progress",
    "Question",
    "Record",
    "Release",
    "ServedModel",
    "Services",
    "Stage",
    "Strategy",
    "Target",
    "VariantState",
    "VariantStatus",
    "ask",
    "caller",
    "chain_of",
    "choose_version",
    "deploy",
    "deployment_config",
    "ensure_model",
    "history",
    "model_data",
    "next_action",
    "parse_strategy",
    "plan",
    "preview",
    "progress",
    "read_endpoint",
    "read_questions",
    "release_for",
    "release_of",
    "rollback",
    "take_back",
]
