"""Exposing: the delivered page confirms itself, and from then on the visitor counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from persx.app.collecting import collect
from persx.app.consenting import consented
from persx.app.deciding import Decided
from persx.app.decision_log import decided_at
from persx.app.filtering import bot_event, paced
from persx.app.robots import Pace
from persx.app.services import Services
from persx.app.shopping import PRODUCT_VIEWED, products_viewed
from persx.app.signing import Signer
from persx.app.visiting import Visitor
from persx.decide.plan import Plan
from persx.model.event import (
    EXPOSURE,
    RECOMMENDATIONS_VIEWED,
    Event,
    EventType,
    anonymous_key,
)
from persx.model.learning import learning_block
from persx.model.workspace import HOLDOUT

TOKEN_SECONDS: Final = 3_600

SEGMENTS: Final = ("industry", "persona")
"""Attributes whose value freezes at the exposure, for reports by segment."""


CAME: Final = ("referrer.host", "utm.source", "utm.medium", "utm.campaign", "device")
"""Attributes of the request that tell where a visitor comes from, and with what."""


class Exposure(msgspec.Struct, frozen=True, array_like=True):
    """What an exposure token says: which page was decided for whom, and what it counts for.

    `counts` holds experiment, arm and epoch of those in which the page makes them count. `came`
    tells from where and with what the visitor came, in workspaces that guess from it. `lists` holds
    block, pipeline and items of what was recommended.
    """

    decision: str
    anonymous_id: str
    unit: str
    path: str
    title: str
    snapshot: int
    counts: tuple[tuple[str, str, int], ...]
    segments: dict[str, str]
    came: dict[str, str] = {}
    lists: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


def exposure_token(
    signer: Signer, decided: Decided, visitor: Visitor, path: str, title: str
) -> str:
    """Return the token for the image in a page; every arm's page has one."""
    decision = decided.decision
    known: Mapping[str, Any] = {**decided.profile.attributes, **decision.attributes}
    return signer.exposure(
        Exposure(
            decision=decision.id,
            anonymous_id=visitor.anonymous_id,
            unit=decision.bucketing_id,
            path=path,
            title=title,
            snapshot=decision.snapshot,
            counts=tuple(
                (each.experiment, each.arm, each.epoch)
                for each in decision.assignments
                if each.eligible
            ),
            segments={name: str(known[name]) for name in SEGMENTS if known.get(name)},
            came={
                name: str(known[name])
                for name in (CAME if decided.plan.guesses else ())
                if known.get(name)
            },
            lists=tuple(
                (each.block, each.pipeline, tuple(item.id for item in each.items))
                for each in decided.lists
                if each.items
            ),
        )
    )


def _context(came: Mapping[str, str]) -> dict[str, Any]:
    """Return where a visitor came from in the form that API clients send it."""
    context: dict[str, Any] = {}
    if "referrer.host" in came:
        context["page"] = {"referrer": f"https://{came['referrer.host']}/"}
    if campaign := {
        field: came[name]
        for name, field in (
            ("utm.source", "source"), ("utm.medium", "medium"), ("utm.campaign", "name")
        )
        if name in came
    }:  # fmt: skip
        context["campaign"] = campaign
    if "device" in came:
        context["device"] = {"type": came["device"]}
    return context


def completed(plan: Plan | None, events: Sequence[Event]) -> list[Event]:
    """Return events that a client sent, exposures with the epoch that runs where they name none.

    A client knows its arm from the decision; which stratum of the report it belongs to is ours.
    """
    return [
        msgspec.structs.replace(event, properties={**event.properties, "epoch": epoch})
        if event.name == EXPOSURE
        and "epoch" not in event.properties
        and (epoch := _epoch(plan, str(event.properties.get("experiment_id")))) is not None
        else event
        for event in events
    ]


def _epoch(plan: Plan | None, key: str) -> int | None:
    """Return the current epoch of an experiment; none where there is no such experiment."""
    if plan is None:
        return None
    if key == HOLDOUT:
        return None if plan.holdout is None else plan.holdout.epoch
    if (running := plan.experiments.get(key)) is not None:
        return running.epoch
    if (declared := plan.workspace.experiments.get(key)) is not None:
        return declared.epoch
    block = plan.workspace.blocks.get(learning_block(key) or "")
    return None if block is None or block.learn is None else block.learn.epoch


def _is_erased(services: Services, exposure: Exposure) -> bool:
    """Tell whether a page is from before its visitor's erasure, by the time in its decision's id.

    The token carries who they were then, which nobody shall learn again from an open tab.
    """
    decided = decided_at(exposure.decision)
    identities = (anonymous_key(exposure.anonymous_id), exposure.unit)
    return any(services.erased.covers(identity, decided) for identity in identities)


async def confirm(
    services: Services, signer: Signer, token: str, context: Mapping[str, Any]
) -> bool:
    """Log the page view and the exposures that a token confirms; tell whether it was ours.

    Loading the same page's image again changes nothing: the message ids are the decision's.
    """
    said = signer.read_exposure(token, TOKEN_SECONDS)
    if said is None:
        return False
    try:
        exposure = msgspec.convert(said, Exposure)
    except msgspec.ValidationError:
        return False
    if _is_erased(services, exposure):
        services.metrics.events.labels("erased").inc()
        return True
    now = services.clock()

    def event(type: EventType, suffix: str, name: str | None, properties: dict[str, Any]) -> Event:
        return Event(
            type=type,
            message_id=f"{exposure.decision}:{suffix}",
            anonymous_id=exposure.anonymous_id,
            name=name,
            timestamp=now,
            received=now,
            verified=True,
            properties=properties,
            context={**_context(exposure.came), **context},
        )

    page = event(
        EventType.PAGE, "page", exposure.title, {"path": exposure.path, "title": exposure.title}
    )
    pace = paced(services, page)
    if pace is not Pace.HUMAN:
        if pace is Pace.FOUND:
            await collect(services, await consented(services, [bot_event(services, page)]))
        return True
    events = [page]
    events += [
        event(
            EventType.TRACK,
            f"x:{experiment}",
            EXPOSURE,
            {
                "experiment_id": experiment,
                "variation_id": arm,
                "epoch": epoch,
                "unit": exposure.unit,
                "snapshot": exposure.snapshot,
                "decision_id": exposure.decision,
                "page": exposure.path,
                "segments": exposure.segments,
            },
        )
        for experiment, arm, epoch in exposure.counts
    ]
    events += [
        event(
            EventType.TRACK,
            f"rv:{block}",
            RECOMMENDATIONS_VIEWED,
            {
                "block": block,
                "pipeline": pipeline,
                "items": list(items),
                "page": exposure.path,
                "decision_id": exposure.decision,
            },
        )
        for block, pipeline, items in exposure.lists
    ]
    if services.publication.plan is not None:
        events += [
            event(EventType.TRACK, f"viewed:{properties['product_id']}", PRODUCT_VIEWED, properties)
            for properties in products_viewed(services.publication.plan, exposure.path)
        ]
    # Between the page and its image the visitor may have changed their mind.
    await collect(services, await consented(services, events))
    return True
