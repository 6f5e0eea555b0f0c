"""The served plan: what requests are decided with now."""

from __future__ import annotations

from persx.app.services import Services
from persx.decide.plan import Plan
from persx.model.errors import Unavailable


def current_plan(services: Services) -> Plan:
    """Return the served plan.

    Raises:
        Unavailable: Nothing is published yet.
    """
    plan = services.publication.plan
    if plan is None:
        raise Unavailable(
            "Nothing is published yet.", hint="Run 'persx push DIR' and 'persx publish'."
        )
    return plan
