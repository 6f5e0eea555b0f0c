"""Consent: what a visitor answered per purpose, and which purposes are granted by it.

Pure. Answers are a commutative monoid of `Grant`s per purpose, so that linked identities merge by
taking the newest answer. See ``docs/guides/data-protection.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from persx.model.attribute import Purpose
from persx.model.event import CONSENT_CHANGED, Event, EventType
from persx.model.visitor import Answer, Grant, IdentityState
from persx.model.workspace import ConsentMode

Answers = Mapping[Purpose, Grant]
"""The newest answer by purpose; a purpose that was never answered is absent."""

Categories = Mapping[str, Sequence[Purpose]]
"""Category of the site's own consent manager → the purposes that it stands for."""

ASKED: Final = (Purpose.PERSONALIZATION, Purpose.ANALYTICS, Purpose.MARKETING)
"""The purposes that a visitor may grant or deny, in the order in which they are asked for."""

STORAGE: Final = (Purpose.PERSONALIZATION, Purpose.ANALYTICS)
"""Either of them allows to keep something of a visitor under a persistent id."""

CONTEXT: Final = "context.consent"
"""The source of what a consent manager's client sent along with an event."""

MANAGED: Final = "context.consentManagement"
"""The same in RudderStack's form; its provider, where it is told, stands behind it."""

IN_CONTEXT: Final = ("consent", "consentManagement")
"""Where an event's context tells what a consent manager was answered."""

MOST_ANSWERS: Final = 100
"""Answers that are kept of an identity, the newest."""

LONGEST: Final = 100
"""Characters that are kept of a source and of a text's version."""

_ASKED: Final[Mapping[str, Purpose]] = {purpose.value: purpose for purpose in ASKED}
_EVERY: Final = frozenset(Purpose)
_EQUAL: Final[dict[frozenset[Purpose], frozenset[Purpose]]] = {_EVERY: _EVERY}


def newest(left: Grant, right: Grant) -> Grant:
    """Return the answer that holds: the later one, then the one with the greater message id.

    Of two answers that differ in neither, which only a faulty sender makes, a denial holds.
    """
    return max(left, right, key=_order)


def _order(grant: Grant) -> tuple[int, str, bool, str, str]:
    return (grant.at, grant.message_id, not grant.granted, grant.source, grant.version)


def add(kept: dict[Purpose, Grant], more: Answers) -> None:
    """Add answers to those that are kept, in place."""
    for purpose, grant in more.items():
        before = kept.get(purpose)
        kept[purpose] = grant if before is None else newest(before, grant)


def answers_of(states: Iterable[IdentityState]) -> dict[Purpose, Grant]:
    """Return the newest answers of identities that belong together."""
    merged: dict[Purpose, Grant] = {}
    for state in states:
        if state.consent:
            add(merged, state.consent)
    return merged


def said_by(event: Event, categories: Categories) -> dict[Purpose, Grant]:
    """Return what an event answers: a `Consent Changed`, or a consent manager's preferences.

    What is not understood says nothing. Of two categories that stand for one purpose both have
    to be granted.

    >>> event = Event(
    ...     type=EventType.TRACK, message_id="m1", anonymous_id="v1", name="Consent Changed",
    ...     timestamp=7, properties={"purposes": {"analytics": False}, "source": "banner"},
    ... )
    >>> said_by(event, {})[Purpose.ANALYTICS]
    Grant(granted=False, at=7, message_id='m1', source='banner', version='')
    """
    found: dict[Purpose, bool] = {}
    source, version = CONTEXT, ""
    if event.type is EventType.TRACK and event.name == CONSENT_CHANGED:
        told = event.properties.get("purposes")
        if isinstance(told, dict):
            found = {
                _ASKED[name]: granted
                for name, granted in told.items()
                if name in _ASKED and isinstance(granted, bool)
            }
        if found:
            source = _text(event.properties.get("source")) or "api"
            version = _text(event.properties.get("version"))
    if not found and categories:
        consent = event.context.get("consent")
        preferences = consent.get("categoryPreferences") if isinstance(consent, dict) else None
        if isinstance(preferences, dict):
            found = by_purpose(preferences, categories)
            version = _text(consent.get("version")) if isinstance(consent, dict) else ""
        managed = event.context.get("consentManagement")
        if not found and isinstance(managed, dict):
            found = by_purpose(_preferences(managed), categories)
            provider = _text(managed.get("provider"))
            source = f"{MANAGED} {provider}"[:LONGEST] if provider else MANAGED
    return {
        purpose: Grant(granted, event.timestamp, event.message_id, source, version)
        for purpose, granted in found.items()
    }


def note(kept: dict[str, Answer], event: Event, said: Answers) -> None:
    """Add what an event answers to the history of answers, in place.

    An answer that was given by itself is one entry. What a consent manager sends along with
    event after event is one for each content, from the first time until the latest.
    """
    if not said:
        return
    purposes = {purpose: grant.granted for purpose, grant in said.items()}
    grant = next(iter(said.values()))
    key = event.message_id
    if event.name != CONSENT_CHANGED:
        told = ",".join(f"{name}={int(yes)}" for name, yes in sorted(purposes.items()))
        key = f"{grant.source}|{grant.version}|{told}"
    at = event.timestamp
    answer = Answer(at, event.received, at, event.message_id, purposes, grant.source, grant.version)
    combine(kept, {key: answer})


def combine(kept: dict[str, Answer], more: Mapping[str, Answer]) -> None:
    """Add a history of answers to another one, in place; the newest are kept."""
    for key, answer in more.items():
        before = kept.get(key)
        if before is not None:
            first = min(before, answer, key=_age)
            latest = max(before.latest, answer.latest)
            answer = msgspec.structs.replace(first, latest=latest)
        kept[key] = answer
    if len(kept) > MOST_ANSWERS:
        newest = sorted(kept.items(), key=lambda pair: (pair[1].latest, pair[0]))
        for key, _ in newest[:-MOST_ANSWERS]:
            del kept[key]


def _age(answer: Answer) -> tuple[int, str, int, list[tuple[Purpose, bool]], str, str]:
    told = sorted(answer.purposes.items())
    return (answer.at, answer.message_id, answer.received, told, answer.source, answer.version)


def history_of(states: Iterable[IdentityState]) -> list[Answer]:
    """Return the answers of identities that belong together, oldest first."""
    merged: dict[str, Answer] = {}
    for state in states:
        for key, answer in state.answers.items():
            # What a manager told of two identities stays apart.
            name = key if key == answer.message_id else f"{state.identity} {key}"
            merged[name] = answer
    return sorted(merged.values(), key=_age)


def _preferences(managed: Mapping[str, Any]) -> dict[str, bool]:
    """Return category → granted, from RudderStack's lists; what is in both is denied.

    Older clients send an object, id → name, instead of a list of ids.
    """
    found: dict[str, bool] = {}
    for field, granted in (("allowedConsentIds", True), ("deniedConsentIds", False)):
        ids = managed.get(field)
        if isinstance(ids, dict | list):
            found |= {id: granted for id in ids if isinstance(id, str)}
    return found


def by_purpose(preferences: Mapping[str, Any], categories: Categories) -> dict[Purpose, bool]:
    """Return what answers by category mean by purpose; unknown categories say nothing."""
    found: dict[Purpose, bool] = {}
    for category, purposes in categories.items():
        granted = preferences.get(category)
        if isinstance(granted, bool):
            for purpose in purposes:
                if purpose is not Purpose.NECESSARY:
                    found[purpose] = granted and found.get(purpose, True)
    return found


def _text(value: object) -> str:
    return value[:LONGEST] if isinstance(value, str) else ""


def granted(answers: Answers, mode: ConsentMode, *, gpc: bool = False) -> frozenset[Purpose]:
    """Return the purposes for which a visitor's facts may be used.

    Args:
        answers: What they said; it always holds.
        mode: What holds where they said nothing: everything in opt-out mode, only what is
            necessary in opt-in mode.
        gpc: Their browser sends ``Sec-GPC: 1``, which denies marketing unless they said otherwise.

    Returns:
        The purposes; equal ones are the same object, so that comparing costs nothing.

    >>> sorted(granted({}, ConsentMode.OPT_IN))
    [<Purpose.NECESSARY: 'necessary'>]
    """
    if not answers and not gpc and mode is ConsentMode.OPT_OUT:
        return _EVERY
    found = {Purpose.NECESSARY}
    for purpose in ASKED:
        grant = answers.get(purpose)
        if grant is not None:
            holds = grant.granted
        else:
            holds = mode is ConsentMode.OPT_OUT and not (gpc and purpose is Purpose.MARKETING)
        if holds:
            found.add(purpose)
    purposes = frozenset(found)
    return _EQUAL.setdefault(purposes, purposes)


def storable(purposes: frozenset[Purpose]) -> bool:
    """Tell whether these purposes allow to keep anything of a visitor under a persistent id.

    One of `STORAGE` does: without both there is no id, no experiment and no log.
    """
    return not purposes.isdisjoint(STORAGE)
