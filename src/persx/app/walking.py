"""Walking: what there is for probes to see on the served site, as the engine alone decides it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count, islice
from typing import Any, Final

import msgspec

from persx.app.deciding import current_plan, decide_for
from persx.app.declaring import declare
from persx.app.questions import allow, missing_for
from persx.app.services import Services
from persx.app.unseen import Unseen, mark
from persx.app.use_cases import UseCase
from persx.app.visiting import Visitor, granted_to
from persx.content.blocks.recommendations import says_nothing
from persx.decide.allocation import bucket
from persx.decide.plan import GENERIC, Plan
from persx.model.attribute import Purpose
from persx.model.clock import HOUR, Millis
from persx.model.event import anonymous_key
from persx.model.probe import ANYONE, HELD, ExpectedBlock, ProbeVisitor, Stop, Walk
from persx.model.question import INDUSTRY

_TRIES: Final = 20_000
"""Ids that are tried for one that is held out, or is not."""

_HEADINGS: Final = ("headline", "heading", "title")


async def walk_of(services: Services) -> Walk:
    """Return what probes should see now; nothing is kept or counted.

    Raises:
        Unavailable: Nothing is published yet.
    """
    unseen = Unseen(services).services()
    plan = current_plan(unseen)
    industries = tuple(plan.workspace.industries)
    wanted = [(ANYONE, "", False), *((each, each, False) for each in industries)]
    if plan.holdout is not None:
        wanted.append((HELD, industries[0] if industries else "", True))
    visitors = [
        await _visitor(unseen, plan, id, name, industry)
        for name, industry, held in wanted
        if (id := _id_of(unseen, plan, name, held=held))
    ]
    return Walk(
        site=plan.workspace.settings.name,
        snapshot=plan.snapshot.number,
        write_key=services.keys.write_key,
        industries=industries,
        visitors=tuple(visitors),
    )


def _id_of(services: Services, plan: Plan, name: str, *, held: bool) -> str:
    """Return an id that nobody can guess, and that is held out or not as wished.

    Empty where none of many ids is held out. Where all are, a probe that should not be is.
    """
    ids = _ids(services, name)
    for id in islice(ids, _TRIES):
        if _is_held(plan, id) == held:
            return id
    return "" if held else next(ids)


def _ids(services: Services, name: str) -> Iterator[str]:
    for number in count():
        said = f"{name}\0{number}".encode()
        yield "probe-" + services.signer.signature("probe visitor", said)


def _is_held(plan: Plan, id: str) -> bool:
    holdout = plan.holdout
    if holdout is None:
        return False
    point = bucket(holdout.seed, anonymous_key(id))
    return holdout.arms[holdout.ranges.arm(point)] == GENERIC


async def _visitor(
    services: Services, plan: Plan, id: str, name: str, industry: str
) -> ProbeVisitor:
    """Return a probe with what it should see once it has sent the start form."""
    visitor = Visitor(anonymous_id=id, trusted=True)
    if industry:
        granted = await granted_to(services, plan, visitor)
        missing = missing_for(Purpose.PERSONALIZATION, granted)
        visitor = await allow(services, plan, visitor, missing, "probe")
        state = await declare(services, plan, visitor, {INDUSTRY: industry})
        visitor = msgspec.structs.replace(visitor, declared=state.facts, declared_at=state.at)
    return ProbeVisitor(
        name=name,
        industry=industry,
        cookie=services.signer.visitor(id),
        held=_is_held(plan, id),
        stops=tuple([await _stop(services, plan, visitor, page) for page in plan.pages]),
    )


async def _stop(services: Services, plan: Plan, visitor: Visitor, name: str) -> Stop:
    page = plan.workspace.pages[name]
    context = {
        "page.path": page.path,
        "device": "desktop",
        "locale": plan.workspace.settings.default_locale,
    }
    decided = await decide_for(
        services, visitor, plan=plan, page=plan.pages[name], context=context, settled=False
    )
    return Stop(
        page=name,
        path=page.path,
        confirms=decided.profile.storable,
        blocks=tuple(
            ExpectedBlock(each.block, each.variant, each.reason, heading_of(each.content))
            for each in decided.decision.decisions
            if not says_nothing(each.type, each.content)
        ),
    )


def heading_of(content: Mapping[str, Any]) -> str:
    """Return the heading of a block's content; empty where it has none.

    >>> heading_of({"text": "More", "headline": "Less"})
    'Less'
    """
    found = (content.get(name) for name in _HEADINGS)
    return next((each for each in found if isinstance(each, str) and each.strip()), "")


class MarkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """For how long a mark shall be good."""

    milliseconds: Millis = HOUR


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """A mark that makes requests those of a probe, and until when."""

    mark: str
    until: Millis


async def make_mark(services: Services, request: MarkRequest) -> Marked:
    """Sign a mark for probes of this home."""
    until = services.clock() + request.milliseconds
    return Marked(mark=mark(services.signer, until), until=until)


class WalkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing has to be said."""


async def _walk(services: Services, _request: WalkRequest) -> Walk:
    await services.refresh()
    return await walk_of(services)


WALK: Final = UseCase("probe-walk", WalkRequest, Walk, _walk, writes=False)
MARK: Final = UseCase("probe-mark", MarkRequest, Marked, make_mark, writes=False)
