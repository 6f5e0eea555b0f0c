"""Attributes: the declared facts about a visitor that rules may read."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias

import msgspec

Value: TypeAlias = str | int | float | bool | list[str] | None
"""What an attribute may hold. A time is epoch milliseconds."""


class ValueType(StrEnum):
    """The types that rules know."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    STRINGS = "strings"


class Source(StrEnum):
    """Where an attribute's value comes from; declared beats predicted."""

    DECLARED = "declared"
    COMPUTED = "computed"
    PREDICTED = "predicted"
    CONTEXTUAL = "contextual"
    DERIVED = "derived"


class Purpose(StrEnum):
    """Why a fact may be used; a visitor grants or denies each but `necessary`."""

    NECESSARY = "necessary"
    ANALYTICS = "analytics"
    PERSONALIZATION = "personalization"
    MARKETING = "marketing"


FRESHNESS: Final = ("real time", "daily", "on change")
"""How often an attribute may change at its source."""


class Computation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a computed attribute is folded from events.

    Attributes:
        kind: A name of the `COMPUTED` registry, such as ``count`` or ``decayed_share``.
        event: The name of a track event, or a type such as ``page``; none means every event.
        property: Dotted path inside the event's properties that the fold reads.
        where: Properties that must be equal for the event to count.
        options: What the kind takes, such as ``half_life: 30d`` or ``within: 7d``.
    """

    kind: str
    event: str | None = None
    property: str | None = None
    where: dict[str, str | int | float | bool] = {}
    options: dict[str, str | int | float | bool] = {}


class Trace(StrEnum):
    """What of a visit a guess may follow from: where each trace comes from.

    `pages` (path to three steps, and its first), `referrer` (the referring site's host),
    `campaign` (source, medium, name), `device` (its class), `events` (names of track events),
    `categories` (of products that events name), `time` (four hours of the day in UTC, weekend).
    """

    PAGES = "pages"
    REFERRER = "referrer"
    CAMPAIGN = "campaign"
    DEVICE = "device"
    EVENTS = "events"
    CATEGORIES = "categories"
    TIME = "time"


class Prediction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a predicted attribute is guessed for visitors who did not say it themselves.

    Attributes:
        of: The declared attribute that is guessed, or ``persona``.
        confidence: The least probability with which a guess is used.
        visitors: The fewest visitors who declared it from whom a model is trained.
        traces: What of their visits the guess may follow from.
        every: Length of time after which a server trains anew, such as ``7d``; never unless set.
    """

    of: str
    confidence: float = 0.8
    visitors: int = 500
    traces: tuple[Trace, ...] = (
        Trace.PAGES,
        Trace.REFERRER,
        Trace.CAMPAIGN,
        Trace.DEVICE,
        Trace.EVENTS,
    )
    every: str | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value of a derived attribute, and when it is that.

    Attributes:
        name: The value; for a number or a boolean as it is written, such as ``5`` or ``true``.
        when: A rule about other attributes that are kept of the visitor; empty means always.
    """

    name: str
    when: str = ""


class AttributeTexts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What visitors read of an attribute, in one locale.

    Attributes:
        label: What it is called there.
        values: Value → how it is said there, such as ``Reduce churn: Abwanderung senken``.
    """

    label: str = ""
    values: dict[str, str] = {}


class Attribute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A declared fact: its type, where it comes from, why and how long it may be used.

    Attributes:
        name: Dotted name as rules write it, such as ``customer.industry``.
        values: The closed set of values (of a string, or of each of the strings), or the name
            of the workspace's own list.
        freshness: How often it changes at its source: ``real time``, ``daily`` or ``on change``.
            Unless set, what is declared changes on change, everything else in real time.
        expires: Length of time after which a fact counts as unknown, such as ``90d``.
        compute: Set exactly when `source` is computed.
        predict: Set exactly when `source` is predicted.
        cases: Set exactly when `source` is derived: it has the value of the first case that holds,
            and is unknown where none does or where something that the cases read is withheld.
        type: What its values are.
        source: Where its value comes from.
        signs: Value → a rule about behaviour that speaks for it. Where one holds for a value that
            a visitor did not declare, they are asked which is right; nothing is switched silently.
        purpose: What a visitor must have granted for it to be used.
        locales: Locale code → its label there, and how its values are said.
        sensitive: Content that depends on it would reveal what is nobody's business.
        kept_for: Why it is kept though no rule reads it, such as ``exports``.
    """

    name: str = ""
    type: ValueType = ValueType.STRING
    source: Source = Source.DECLARED
    values: tuple[str, ...] | Literal["industries", "locales", "personas"] = ()
    purpose: Purpose = Purpose.PERSONALIZATION
    freshness: str = ""
    expires: str | None = None
    compute: Computation | None = None
    predict: Prediction | None = None
    cases: tuple[Case, ...] = ()
    description: str = ""
    label: str = ""
    locales: dict[str, AttributeTexts] = {}
    sensitive: bool = False
    kept_for: str = ""
    signs: dict[str, str] = {}


State: TypeAlias = Any
"""A computed attribute's folded state: whatever its kind keeps, made of JSON-like values."""
