"""What is known without being declared: what a site's visitors do, and metrics made of it."""

from __future__ import annotations

from typing import Final

from persx.model.event import FORM_SUBMITTED, RECOMMENDATION_CLICKED, RECOMMENDATIONS_VIEWED
from persx.model.metric import Metric
from persx.model.workspace import Goal

STANDARD_GOALS: Final = {
    goal.name: goal
    for goal in (
        Goal(name="page_viewed", event="page", label="Page viewed"),
        Goal(name="page_left", event="Page Left", value="seconds", label="Page left"),
        Goal(name="form_submitted", event=FORM_SUBMITTED, label="Form sent"),
        Goal(name="signed_up", event="Signed Up", label="Signed up"),
        Goal(
            name="recommendations_viewed",
            event=RECOMMENDATIONS_VIEWED,
            label="Recommendations seen",
        ),
        Goal(
            name="recommendation_clicked",
            event=RECOMMENDATION_CLICKED,
            label="Recommendation clicked",
        ),
    )
}
"""Goals that every workspace has; one of its own of the same name is meant instead."""

STANDARD_METRICS: Final = {
    metric.name: metric
    for metric in (
        Metric(
            name="time_on_page",
            kind="ratio",
            goal="page_left",
            per="page_left",
            winsorise=0.99,
            label="Seconds on a page",
            description="Visible seconds by page; told by the site's script, so not without one.",
        ),
        Metric(
            name="bounce",
            goal="page_viewed",
            at_most=1,
            within="30m",
            better="less",
            label="Bounced",
            description="Visitors who saw no second page within half an hour.",
        ),
        Metric(
            name="form_completion",
            goal="form_submitted",
            label="Sent a form",
            description="Visitors who sent a form.",
        ),
        Metric(
            name="sign_up",
            goal="signed_up",
            label="Signed up",
            description="Visitors who signed up.",
        ),
        Metric(
            name="return_within_7_days",
            goal="page_viewed",
            after="1d",
            within="6d",
            label="Came back within 7 days",
            description="Visitors who saw a page between one and seven days after they entered.",
        ),
        Metric(
            name="recommendation_click_through",
            kind="ratio",
            goal="recommendation_clicked",
            of="count",
            per="recommendations_viewed",
            label="Recommendation click-through",
            description="Clicks on recommendations by lists of them that were seen.",
        ),
    )
}
"""Metrics that every workspace has; one of its own of the same name is meant instead."""
