"""Asking: one question at a time, about what is not known, old, or at odds with the visits.

Nothing is switched silently: what was declared decides until the visitor says something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from persx.app.declaring import declare
from persx.app.hints import suggestion_for
from persx.app.knowledge import known_at, with_moment
from persx.app.questions import asks_industry, is_resting, may_ask_industry, short_questions
from persx.app.services import Services
from persx.app.signing import SignedState
from persx.app.visiting import Visitor, known_of, states_of
from persx.decide.plan import Plan
from persx.model.attribute import Source, Value
from persx.model.clock import DAY, Millis
from persx.model.errors import BadInput
from persx.model.question import INDUSTRY
from persx.model.visitor import Profile
from persx.visitors.preferences import DECLINED
from persx.visitors.questions import AskingSession, next_question


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a visitor.

    Attributes:
        kind: ``stale``: what they declared is old. ``drift``: their visits speak for
            `suggestion`. ``link``, ``network``: their request hints at `suggestion`.
            ``industry``: theirs is not known. ``short``: one of the workspace's.
        name: What it is put aside under: the short question's name, or the attribute's.
        declared: What they declared; the answer is filled in with it.
        since: When.
        suggestion: A value that something speaks for; it is offered first.
    """

    kind: Literal["stale", "drift", "link", "network", "industry", "short"]
    attribute: str
    name: str
    declared: str | tuple[str, ...] = ""
    since: Millis = 0
    suggestion: str = ""

    @property
    def key(self) -> str:
        """What tells it from all other questions, within a session."""
        if self.kind in ("stale", "drift"):
            return doubt_key(self.attribute, self.suggestion)
        return self.name


def doubt_key(attribute: str, suggestion: str) -> str:
    """Return the key of a question about what was declared; without a suggestion, it is old."""
    return f"{'drift' if suggestion else 'stale'}:{attribute}={suggestion}"


async def question_for(
    services: Services,
    plan: Plan,
    visitor: Visitor,
    profile: Profile,
    context: Mapping[str, Value],
    session: AskingSession,
    *,
    inner: bool = False,
    quiz: bool = False,
) -> Question | None:
    """Return the one question that this visitor should be asked now, if any.

    What they declared long ago comes first, then what their visits speak against, then their
    industry, then the workspace's short questions.

    Args:
        profile: What decisions see of the visitor.
        context: Contextual attributes of the request.
        session: What was asked in the session.
        inner: The page is not the home page: who arrives there may have lost their cookies.
        quiz: The page asks something itself; no short question is asked beside it.
    """
    now = services.clock()
    found = await _doubts(services, plan, visitor, profile, context, now)
    supposed = suggestion_for(plan, profile)
    if supposed is not None and may_ask_industry(plan, profile, now):
        found.append(
            Question(
                kind=supposed.kind,
                attribute=INDUSTRY,
                name=INDUSTRY,
                suggestion=supposed.industry,
            )
        )
    elif (inner or session.pages) and asks_industry(plan, profile, now):
        found.append(Question(kind="industry", attribute=INDUSTRY, name=INDUSTRY))
    if not quiz:
        found += [
            Question(kind="short", attribute=each.attribute, name=each.name)
            for each in short_questions(plan, profile, context, now)
            if session.pages >= each.after
        ]
    most = plan.workspace.settings.questions_per_session
    key = next_question((each.key for each in found), session, most)
    return next((each for each in found if each.key == key), None)


async def _doubts(
    services: Services,
    plan: Plan,
    visitor: Visitor,
    profile: Profile,
    context: Mapping[str, Value],
    now: Millis,
) -> list[Question]:
    """Return the questions about what the visitor declared."""
    settings = plan.workspace.settings
    if visitor.new or (profile.attributes.get(INDUSTRY) is None and not _signed(plan)):
        return []
    states = await states_of(services, visitor)
    ages: dict[str, Millis] = {}
    for name in {INDUSTRY, *_signed(plan)} & plan.attributes.keys():
        at = known_at(plan.attributes[name], visitor, states)
        # What was put aside since rests; an earlier "Not now" was about something else.
        aside = is_resting(plan, profile, name, now, since=at or 0)
        if at is not None and profile.attributes.get(name) is not None and not aside:
            ages[name] = now - at
    declared = profile.attributes.get(INDUSTRY)
    old = settings.reask_days * DAY
    if isinstance(declared, str) and old and ages.get(INDUSTRY, 0) > old:
        since = now - ages[INDUSTRY]
        return [
            Question(
                kind="stale", attribute=INDUSTRY, name=INDUSTRY, declared=declared, since=since
            )
        ]
    quiet = settings.drift_days * DAY
    seen = with_moment(plan, {**profile.attributes, **context}, profile, now)
    for name in _signed(plan):
        if ages.get(name, 0) <= quiet:
            continue
        suggestion = _suggestion(plan, name, seen, now)
        if suggestion:
            value = profile.attributes[name]
            return [
                Question(
                    kind="drift",
                    attribute=name,
                    name=name,
                    declared=tuple(value) if isinstance(value, list) else str(value),
                    since=now - ages[name],
                    suggestion=suggestion,
                )
            ]
    return []


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
    if not value:
        raise BadInput(f"Nothing was answered about '{name}'.")
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
