"""Held out: a visitor's arm in the holdout, for what is decided beside pages and blocks."""

from __future__ import annotations

from persx.decide.allocation import bucket
from persx.decide.plan import GENERIC, Plan
from persx.model.decision import Assignment
from persx.model.visitor import Profile


def holdout_assignment(plan: Plan, profile: Profile, *, eligible: bool) -> Assignment | None:
    """Return a visitor's arm; none where there is no holdout, or nothing of them may be measured.

    It is the arm that `persx.decide.engine.decide` finds.

    Args:
        eligible: What is shown here differs between the arms, computed alike in both.
    """
    holdout = plan.holdout
    if holdout is None or not (profile.storable and profile.measurable):
        return None
    arm = holdout.ranges.arm(bucket(holdout.seed, profile.bucketing_id))
    return holdout.assignments[arm][eligible]


def is_held_out(assignment: Assignment | None) -> bool:
    """Tell whether somebody with this arm is shown what everybody is shown."""
    return assignment is not None and assignment.arm == GENERIC
