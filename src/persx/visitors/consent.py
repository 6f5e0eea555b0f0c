"""Consent: what a visitor answered per purpose, and which purposes are granted by it.

Pure. Answers are a commutative monoid of `Grant`s per purpose, so that linked identities merge by
taking the newest answer. See ``docs/guides/data-protection.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from persx.model.attribute import Purpose
from persx.model.event import CONSENT_CHANGED, Event, EventType
from persx.model.visitor import Grant, IdentityState
from persx.model.workspace import ConsentMode

Answers = Mapping[Purpose, Grant]
"""The newest answer by purpose; a purpose that was never answered is absent."""

Categories = Mapping[str, Sequence[Purpose]]
"""Category of the site's own consent manager → the purposes that it stands for."""

ASKED: Final = (Purpose.PERSONALIZATION, Purpose.ANALYTICS, Purpose.MARKETING)
"""The purposes that a visitor may grant or deny, in the order in which they are asked for."""

CONTEXT: Final = "context.consent"
"""The source of what a consent manager's client sent along with an event."""

LONGEST: Final = 100
"""Characters that are kept of a source and of a text's version."""

_ASKED: Final[Mapping[str, Purpose]] = {purpose.value: purpose for purpose in ASKED}
_EVERY: Final = frozenset(Purpose)


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
            found = _by_purpose(preferences, categories)
            version = _text(consent.get("version")) if isinstance(consent, dict) else ""
    return {
        purpose: Grant(granted, event.timestamp, event.message_id, source, version)
        for purpose, granted in found.items()
    }


def _by_purpose(preferences: Mapping[str, Any], categories: Categories) -> dict[Purpose, bool]:
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
    return frozenset(found)


def storable(purposes: frozenset[Purpose]) -> bool:
    """Tell whether these purposes allow to keep anything of a visitor under a persistent id.

    Personalization or analytics does: without both there is no id, no experiment and no log.
    """
    return Purpose.PERSONALIZATION in purposes or Purpose.ANALYTICS in purposes
