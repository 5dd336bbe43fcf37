"""A budget of the account: it warns before the limit, and when the month is likely to pass it."""

from __future__ import annotations

from aws_cdk import aws_budgets as budgets
from constructs import Construct

from infra.permissions.place import Place

__all__ = ["Budget"]


class Budget(Construct):
    def __init__(self, scope: Construct, name: str, *, place: Place) -> None:
        super().__init__(scope, name)
        limit = budgets.CfnBudget.SpendProperty(amount=place.environment.monthly_budget_usd, unit="USD")
        budgets.CfnBudget(
            self,
            "Month",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=place.prefix, budget_type="COST", time_unit="MONTHLY", budget_limit=limit
            ),
            notifications_with_subscribers=[
                _warning("ACTUAL", 80, place.environment.notify),
                _warning("FORECASTED", 100, place.environment.notify),
            ],
        )


def _warning(kind: str, percent: int, address: str) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
    return budgets.CfnBudget.NotificationWithSubscribersProperty(
        notification=budgets.CfnBudget.NotificationProperty(
            comparison_operator="GREATER_THAN", notification_type=kind, threshold=percent, threshold_type="PERCENTAGE"
        ),
        subscribers=[budgets.CfnBudget.SubscriberProperty(address=address, subscription_type="EMAIL")],
    )
