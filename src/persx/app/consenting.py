"""Consenting: what visitors answer takes effect on their next request, and can be proved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from persx.app.collecting import collect
from persx.app.services import Services
from persx.app.visiting import Visitor, answers_for, new_id, states_of
from persx.decide.plan import Plan
from persx.model.attribute import Purpose
from persx.model.clock import Millis
from persx.model.errors import BadInput, did_you_mean
from persx.model.event import CONSENT_CHANGED, Event, EventType, IdentityKey
from persx.model.visitor import Grant
from persx.model.workspace import ConsentMode
from persx.storage.scope import System
from persx.visitors.consent import (
    ASKED,
    IN_CONTEXT,
    LONGEST,
    add,
    answers_of,
    by_purpose,
    granted,
    history_of,
    said_by,
    storable,
)

_SCOPE: Final = System("heeding consent")

BANNER: Final = "banner"
"""The source of answers to our own banner and page; only these depend on the text's version."""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an answer.

    Attributes:
        answers: The newest answers by purpose, for the visitor's cookie.
        granted: The purposes that are granted from now on.
        kept: The answer is in the event log, under the visitor's id.
        lost: The purposes that were granted until now, by an answer or without one.
    """

    answers: Mapping[Purpose, Grant]
    granted: frozenset[Purpose]
    kept: bool
    lost: frozenset[Purpose] = frozenset()


class Said(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One answer as it is proved.

    Attributes:
        at: When it was given, in epoch milliseconds.
        received: When we learned of it.
        latest: When it was said last; a consent manager repeats itself with every event.
        purposes: What was granted (true) or denied, by purpose.
        source: Where it was asked.
        version: Which text was shown.
        message_id: The event that said it, in the event log for as long as that is kept.
    """

    at: Millis
    received: Millis
    latest: Millis
    purposes: Mapping[Purpose, bool]
    source: str
    version: str
    message_id: str


class ConsentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a visitor allows, and how that is known.

    Attributes:
        mode: What holds where nothing was answered.
        version: The text that is shown now.
        granted: Every purpose and whether it is granted now.
        answers: The newest answer by purpose.
        history: The newest hundred answers of each identity, oldest first; what a consent
            manager repeats with every event is one of them, from its first to its latest time.
    """

    mode: str
    version: str
    granted: Mapping[Purpose, bool]
    answers: Mapping[Purpose, Grant]
    history: Sequence[Said]


def check_purposes(given: Mapping[str, object]) -> dict[Purpose, bool]:
    """Return an answer as it may be given.

    Raises:
        BadInput: No purpose, an unknown one, one that cannot be denied, or no true or false.
    """
    if not given:
        raise BadInput("No purpose is answered.", hint="Send 'purposes': {\"analytics\": true}.")
    names = [purpose.value for purpose in ASKED]
    for name, answer in given.items():
        if name not in names:
            raise BadInput(
                f"'{name}' is no purpose that can be granted or denied.",
                value=name,
                hint=did_you_mean(name, names),
            )
        if not isinstance(answer, bool):
            raise BadInput(f"The answer for '{name}' is neither true nor false.", value=answer)
    return {Purpose(name): bool(answer) for name, answer in given.items()}


def purposes_in(plan: Plan, given: Mapping[str, bool]) -> dict[Purpose, bool]:
    """Return what answers by the categories of the site's own consent manager mean.

    Raises:
        BadInput: None of them is mapped to a purpose.
    """
    categories = plan.workspace.settings.consent.categories
    found = by_purpose(given, categories)
    if given and not found:
        names = ", ".join(sorted(given)[:8])
        raise BadInput(
            f"None of these categories stands for a purpose: {names[:200]}.",
            hint="Map them in settings.yaml, consent.categories.",
        )
    return found


async def answer(
    services: Services,
    plan: Plan,
    visitor: Visitor,
    purposes: Mapping[Purpose, bool],
    *,
    source: str,
    version: str | None = None,
) -> Answered:
    """Take a visitor's answer; it holds when this returns.

    It is logged under the visitor's id where they have one, or may have one from now on. Of
    others, who allow no storage, the answer is in their cookie alone. What a consent manager says
    once more, word for word, is no new answer.

    Args:
        version: The text that was shown; what the workspace shows now unless given.

    Raises:
        Unavailable: It could not be kept.
    """
    consent = plan.workspace.settings.consent
    source, version = source[:LONGEST], (version or consent.version)[:LONGEST]
    states = await states_of(services, visitor)
    before = answers_for(visitor, states)
    if _said_before(purposes, before, source, version):
        return Answered(
            answers=before,
            granted=granted(before, consent.mode, gpc=visitor.gpc),
            kept=not visitor.new,
        )
    # Later than all before it, in the same millisecond too.
    now = max(services.clock(), *(grant.at + 1 for grant in before.values()), 0)
    message_id = new_id()
    given = {
        purpose: Grant(yes, now, message_id, source, version) for purpose, yes in purposes.items()
    }
    answers = {**before, **given}
    after = granted(answers, consent.mode, gpc=visitor.gpc)
    kept = not visitor.new or storable(after)
    if kept:
        told = consent_event(visitor, purposes, now, message_id, source, version)
        await collect(services, [told])
    for purpose, yes in purposes.items():
        services.metrics.answers.labels(purpose.value, "granted" if yes else "denied").inc()
    lost = granted(before, consent.mode, gpc=visitor.gpc) - after
    return Answered(answers=answers, granted=after, kept=kept, lost=lost)


def _said_before(
    purposes: Mapping[Purpose, bool], before: Mapping[Purpose, Grant], source: str, version: str
) -> bool:
    wanted = {name: (yes, source, version) for name, yes in purposes.items()}
    return source != BANNER and wanted == {
        name: (grant.granted, grant.source, grant.version)
        for name, grant in before.items()
        if name in purposes
    }


def consent_event(
    visitor: Visitor,
    given: Mapping[Purpose, bool],
    now: Millis,
    message_id: str,
    source: str,
    version: str,
) -> Event:
    """Return the event that says what a visitor answered."""
    told = {purpose.value: granted for purpose, granted in given.items()}
    return Event(
        type=EventType.TRACK,
        name=CONSENT_CHANGED,
        message_id=message_id,
        anonymous_id=visitor.anonymous_id or None,
        user_id=visitor.user_id or None,
        timestamp=now,
        received=now,
        verified=visitor.trusted,
        properties={"purposes": told, "source": source, "version": version},
    )


async def consent_of(services: Services, plan: Plan, visitor: Visitor) -> ConsentRecord:
    """Return what a visitor allows, with the history and proof of it; it costs a point read."""
    consent = plan.workspace.settings.consent
    states = await states_of(services, visitor)
    answers = answers_for(visitor, states)
    purposes = granted(answers, consent.mode, gpc=visitor.gpc)
    return ConsentRecord(
        mode=consent.mode.value,
        version=consent.version,
        granted={purpose: purpose in purposes for purpose in Purpose},
        answers=answers,
        history=[
            Said(
                at=each.at,
                received=each.received,
                latest=each.latest,
                purposes=each.purposes,
                source=each.source,
                version=each.version,
                message_id=each.message_id,
            )
            for each in history_of(states)
        ],
    )


async def consented(services: Services, events: Sequence[Event]) -> list[Event]:
    """Return those of a visitor's events that may be stored; what they answer, always.

    Of a visitor who allows no storage nothing is left but a change of mind, bare of all else: it
    is what turns later events away. In opt-in mode it need not be kept of somebody unknown.
    """
    plan = services.publication.plan
    if plan is None:
        return list(events)
    consent = plan.workspace.settings.consent
    known: dict[IdentityKey, _Known] = {}
    reader = services.store.seen_by(_SCOPE)
    allowed: list[Event] = []
    for event in events:
        identity = event.identity
        own = known.get(identity)
        if own is None:
            states = await reader.states(identity)
            own = known[identity] = _Known(answers_of(states), bool(states))
            own.storable = storable(granted(own.answers, consent.mode))
        changed: dict[Purpose, Grant] = {}
        if event.name == CONSENT_CHANGED or any(name in event.context for name in IN_CONTEXT):
            said = said_by(event, consent.categories)
            before = {purpose: grant.granted for purpose, grant in own.answers.items()}
            changed = {
                purpose: grant
                for purpose, grant in said.items()
                if before.get(purpose) != grant.granted
            }
            add(own.answers, said)
            own.storable = storable(granted(own.answers, consent.mode))
        if own.storable:
            own.kept = True
            allowed.append(event)
            continue
        services.metrics.events.labels("unconsented").inc()
        if changed and (own.kept or consent.mode is ConsentMode.OPT_OUT):
            own.kept = True
            allowed.append(_bare(event, changed))
    return allowed


@dataclass(slots=True)
class _Known:
    """What is known of an identity while a request's events are looked at.

    `kept` tells that something is kept of it.
    """

    answers: dict[Purpose, Grant]
    kept: bool
    storable: bool = False


def _bare(event: Event, said: Mapping[Purpose, Grant]) -> Event:
    grant = next(iter(said.values()))
    return Event(
        type=EventType.TRACK,
        name=CONSENT_CHANGED,
        message_id=event.message_id,
        anonymous_id=event.anonymous_id,
        user_id=event.user_id,
        timestamp=event.timestamp,
        received=event.received,
        verified=event.verified,
        properties={
            "purposes": {purpose.value: each.granted for purpose, each in said.items()},
            "source": grant.source,
            "version": grant.version,
        },
    )
