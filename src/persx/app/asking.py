"""Asking again: one question where what a visitor declared is old, or their visits say otherwise.

Nothing is switched silently: what was declared decides until the visitor says something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from persx.app.declaring import declare
from persx.app.knowledge import known_at, with_moment
from persx.app.services import Services
from persx.app.signing import SignedState
from persx.app.visiting import Visitor, known_of, states_of
from persx.decide.plan import Plan
from persx.model.attribute import Source, Value
from persx.model.clock import DAY, Millis
from persx.model.errors import BadInput
from persx.model.visitor import Profile
from persx.visitors.preferences import DECLINED

INDUSTRY: Final = "industry"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a visitor about what they declared.

    Attributes:
        kind: ``stale``: it is old. ``drift``: their visits speak for `suggestion`.
        declared: What they declared; the answer is filled in with it.
        since: When.
    """

    kind: Literal["stale", "drift"]
    attribute: str
    declared: str | tuple[str, ...]
    since: Millis
    suggestion: str = ""


async def question_for(
    services: Services,
    plan: Plan,
    visitor: Visitor,
    profile: Profile,
    context: Mapping[str, Value],
) -> Question | None:
    """Return the question that this visitor should be asked now, if any.

    Args:
        profile: What decisions see of the visitor.
        context: Contextual attributes of the request.
    """
    settings = plan.workspace.settings
    if visitor.new or (profile.attributes.get(INDUSTRY) is None and not _signed(plan)):
        return None
    now = services.clock()
    states = await states_of(services, visitor)
    ages: dict[str, Millis] = {}
    for name in {INDUSTRY, *_signed(plan)} & plan.attributes.keys():
        at = known_at(plan.attributes[name], visitor, states)
        if at is not None and profile.attributes.get(name) is not None:
            ages[name] = now - at
    declared = profile.attributes.get(INDUSTRY)
    old = settings.reask_days * DAY
    if isinstance(declared, str) and old and ages.get(INDUSTRY, 0) > old:
        return Question(
            kind="stale", attribute=INDUSTRY, declared=declared, since=now - ages[INDUSTRY]
        )
    quiet = settings.drift_days * DAY
    seen = with_moment(plan, {**profile.attributes, **context}, profile, now)
    for name in _signed(plan):
        if ages.get(name, 0) <= quiet:
            continue
        suggestion = _suggestion(plan, name, seen, now)
        if suggestion:
            value = profile.attributes[name]
            return Question(
                kind="drift",
                attribute=name,
                declared=tuple(value) if isinstance(value, list) else str(value),
                since=now - ages[name],
                suggestion=suggestion,
            )
    return None


async def answer(
    services: Services, plan: Plan, visitor: Visitor, *, name: str, value: str, suggestion: str
) -> SignedState:
    """Take the answer to a question; return the state that the visitor's cookie shall carry.

    What was declared is confirmed, or replaced by what the visitor says. A suggestion that they
    do not follow is not made again.

    Args:
        suggestion: What was suggested; empty where nothing was.

    Raises:
        BadInput: There is no such question, or `value` is no answer to it.
    """
    attribute = plan.attributes.get(name)
    if attribute is None or (name != INDUSTRY and name not in _signed(plan)):
        raise BadInput(f"Nobody asks for '{name}'.", value=name)
    if suggestion and suggestion not in attribute.signs:
        raise BadInput(f"Nobody suggests '{suggestion}'.", value=suggestion)
    known = (await known_of(services, plan, visitor)).attributes
    kept = known.get(name)
    follows = value == suggestion
    given: dict[str, Any] = {name: value}
    if isinstance(kept, list):
        given[name] = list(dict.fromkeys([*kept, suggestion])) if follows else kept
    if suggestion and not follows:
        before = known.get(DECLINED)
        said_no = before if isinstance(before, list) else []
        given[DECLINED] = list(dict.fromkeys([*said_no, f"{name}={suggestion}"]))
    return await declare(services, plan, visitor, given)


def _signed(plan: Plan) -> list[str]:
    """Return the attributes that behaviour can speak for or against."""
    return [
        name
        for name, each in plan.attributes.items()
        if each.signs and each.source is Source.DECLARED
    ]


def _suggestion(plan: Plan, name: str, seen: dict[str, Value], now: Millis) -> str:
    """Return the first value that behaviour speaks for and that the visitor did not declare.

    Where behaviour speaks for what they declared too, it does not speak against it.
    """
    declined = seen.get(DECLINED)
    said_no = declined if isinstance(declined, list) else []
    declared = seen[name]
    memo: dict[Any, Any] = {}
    holding = [
        value
        for value, rule in plan.attributes[name].signs.items()
        if plan.program.predicate(rule)(seen, now, memo)
    ]
    if isinstance(declared, str) and declared in holding:
        return ""
    own = declared if isinstance(declared, list) else [declared]
    return next(
        (value for value in holding if value not in own and f"{name}={value}" not in said_no), ""
    )
