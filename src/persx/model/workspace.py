"""The workspace: everything that one brand configures, as it is validated and published."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from persx.model.attribute import Attribute, Purpose
from persx.model.clock import Millis
from persx.model.currency import Currency as Currency
from persx.model.document import Document
from persx.model.experiment import TARGETED as TARGETED
from persx.model.experiment import Arm as Arm
from persx.model.experiment import Experiment as Experiment
from persx.model.experiment import Strategy as Strategy
from persx.model.health import Objective
from persx.model.learning import LearnSettings
from persx.model.metric import Metric as Metric
from persx.model.network import NetworkSettings
from persx.model.pipeline import Pipeline as Pipeline
from persx.model.question import QuestionDocument
from persx.model.target import Target as Target

DEFAULT: Final = "default"
"""The name that stands for a block's default content wherever a variant is named."""

HOLDOUT: Final = "holdout"
"""The key of the built-in experiment: generic against targeted, everywhere."""


class Industry(Document, frozen=True, kw_only=True):
    """An industry that content is written for; its goals and tools are offered at the start.

    Attributes:
        goals: Goals that the start form offers.
        tools: Tools that the start form offers.
        locales: Locale code → label and description there.
    """

    name: str = ""
    label: str = ""
    description: str = ""
    goals: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    locales: dict[str, dict[str, str]] = {}


class Locale(Document, frozen=True, kw_only=True):
    """A language or region; texts fall back along `fallback`, then to the default texts.

    Attributes:
        code: Such as ``de-AT``.
        fallback: The locale whose texts stand in for missing ones.
    """

    code: str = ""
    label: str = ""
    fallback: str | None = None


class Audience(Document, frozen=True, kw_only=True):
    """A named rule.

    Attributes:
        when: The rule.
    """

    name: str = ""
    when: str
    description: str = ""


class Persona(Document, frozen=True, kw_only=True):
    """A named archetype with a score from industry, goals, tools and behaviour.

    `behaviour` holds rules, each of which counts alike.

    Attributes:
        industry: The industry it belongs to.
        goals: Goals that speak for it.
        tools: Tools that speak for it.
        behaviour: Rules that speak for it.
    """

    name: str = ""
    label: str = ""
    industry: str = ""
    goals: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    behaviour: tuple[str, ...] = ()
    description: str = ""


class Schedule(Document, frozen=True, kw_only=True):
    """When a variant may be shown, as the wall clock of an IANA zone shows it.

    `start` counts, `end` no longer does. Without a zone the workspace's applies.

    Attributes:
        start: First moment, as ``2026-11-27 00:00``.
        end: First moment no longer in it.
        zone: IANA zone of both.
    """

    start: str | None = None
    end: str | None = None
    zone: str | None = None


class Variant(Document, frozen=True, kw_only=True):
    """Other content for a block. `content` and each locale's texts lie over the default's.

    Attributes:
        when: The rule that makes it eligible; empty means always.
        priority: Higher first; equal ones in the order in which they are written.
        locales: Locale code → the fields that differ there.
        schedule: When it may be shown; always unless set.
        content: The fields that differ from the default content.
    """

    name: str = ""
    when: str = ""
    priority: int = 0
    schedule: Schedule | None = None
    content: dict[str, Any] = {}
    locales: dict[str, dict[str, Any]] = {}


class Policy(StrEnum):
    """How a block chooses among its eligible variants."""

    FIRST_MATCH = "first_match"
    LEARN = "learn"


class Block(Document, frozen=True, kw_only=True):
    """A place that content fills.

    Attributes:
        type: A built-in block type, or one that the workspace declares.
        content: The default content; mandatory and valid by itself.
        coverage_opt_out: Industries for which no variant is wanted; ``*`` means all.
        external: Its place is on somebody else's page.
        variants: Other contents, in order.
        policy: How one of the eligible variants is chosen: ``first_match``, or ``learn``.
        learn: How it learns, with ``policy: learn``.
        holdout: The share of visitors who get its default content, so that its own lift is known.
    """

    name: str = ""
    type: str
    content: dict[str, Any]
    locales: dict[str, dict[str, Any]] = {}
    variants: tuple[Variant, ...] = ()
    policy: Policy = Policy.FIRST_MATCH
    learn: LearnSettings | None = None
    holdout: float = 0.0
    coverage_opt_out: tuple[str, ...] = ()
    external: bool = False
    description: str = ""


class BlockTypeDocument(Document, frozen=True, kw_only=True):
    """A block type declared in the workspace: a JSON Schema and a template, without Python.

    Attributes:
        schema: JSON Schema of the content.
        template: Jinja template that renders it.
    """

    name: str = ""
    description: str = ""
    schema: dict[str, Any]
    template: str


class Page(Document, frozen=True, kw_only=True):
    """An ordered list of blocks at a path.

    Attributes:
        layout: ``standard``, or ``article`` for long texts.
        navigation: Label in the site's navigation; empty keeps it out.
        order: Its place in the navigation: lower first, then by path.
        locales: Locale code → title, description and navigation there.
        path: Where it is, such as ``/contact``.
        title: What the browser and search engines show.
        blocks: Names of its blocks, in order.
    """

    name: str = ""
    path: str
    title: str
    description: str = ""
    blocks: tuple[str, ...]
    layout: Literal["standard", "article"] = "standard"
    navigation: str = ""
    order: int = 0
    locales: dict[str, dict[str, str]] = {}


class Goal(Document, frozen=True, kw_only=True):
    """What visitors do that matters: an event, with properties that must be equal.

    `value` names a property that is summed, such as ``revenue``.

    Attributes:
        event: The track event that reaches it.
        where: Properties that must be equal for it to count.
        value: The property that is summed.
    """

    name: str = ""
    event: str
    where: dict[str, str | int | float | bool] = {}
    value: str | None = None
    label: str = ""


class HoldoutSettings(Document, frozen=True, kw_only=True):
    """The always-on holdout: the share of visitors who get default content everywhere.

    Attributes:
        share: The part of the visitors who are held out, 0 to 1.
        seed: What is hashed with the bucketing id. Never changes.
        goals: Goals that its report analyses; all unless set.
        metrics: Further metrics that it analyses.
        guardrails: Metrics that must not get worse.
    """

    share: float = 0.1
    seed: str = HOLDOUT
    goals: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    guardrails: tuple[str, ...] = ()


class PersonaSettings(Document, frozen=True, kw_only=True):
    """Weights of the persona score, and the least score that counts.

    Attributes:
        industry: Weight of the industry.
        goals: Weight of the share of the goals.
        tools: Weight of the share of the tools.
        behaviour: Weight of the share of the rules that hold.
        threshold: The least score with which a persona is detected.
    """

    industry: float = 0.4
    goals: float = 0.25
    tools: float = 0.15
    behaviour: float = 0.2
    threshold: float = 0.6


class RetentionSettings(Document, frozen=True, kw_only=True):
    """How long things are kept, counted from when they were received; for ever unless set.

    Attributes:
        events: Name of a track event, type of an event (``page``), or ``default`` → a length of
            time such as ``90d``. The name counts before the type.
        decisions: How long lines of the decision log are kept.
        rejected: How long events that were set aside are kept.
    """

    events: dict[str, str] = {}
    decisions: str | None = None
    rejected: str | None = None


class ConsentMode(StrEnum):
    """What holds for a visitor who has not answered.

    `opt_in` (as the GDPR wants it): only what is necessary. `opt_out` (as the CCPA allows it):
    everything, until they object.
    """

    OPT_IN = "opt_in"
    OPT_OUT = "opt_out"


class OnWithdrawal(StrEnum):
    """What becomes of what was kept for a purpose that a visitor withdraws."""

    KEEP = "keep"
    ERASE = "erase"


class ConsentSettings(Document, frozen=True, kw_only=True):
    """How visitors are asked what their data may be used for. Empty texts stand for our own.

    Attributes:
        mode: What holds where nothing was answered: ``opt_in`` or ``opt_out``.
        version: Names the texts; it is kept with every answer. Visitors who answered to another
            one are asked again in opt-in mode.
        days: How long this browser remembers an answer.
        banner: Whether our own banner asks; off where the site has its own consent manager.
        categories: Category of the site's own consent manager → the purposes it stands for.
        on_withdrawal: What was kept for a purpose that is withdrawn: ``keep`` (used no more; the
            visitor is offered to erase it) or ``erase`` (at once).
        title: Heading of the banner.
        text: What the banner says.
        personalization: What visitors read of the purpose personalization.
        analytics: What visitors read of the purpose analytics.
        marketing: What visitors read of the purpose marketing.
        locales: Locale code → title, text, personalization, analytics and marketing there.
    """

    mode: ConsentMode = ConsentMode.OPT_OUT
    version: str = "1"
    days: int = 365
    banner: bool = True
    categories: dict[str, tuple[Purpose, ...]] = {}
    on_withdrawal: OnWithdrawal = OnWithdrawal.KEEP
    title: str = ""
    text: str = ""
    personalization: str = ""
    analytics: str = ""
    marketing: str = ""
    locales: dict[str, dict[str, str]] = {}


class Settings(Document, frozen=True, kw_only=True):
    """What concerns the workspace as a whole.

    Attributes:
        tagline: One line below the name.
        default_locale: The locale of the default texts.
        zone: IANA zone of schedules, of days, of the hour and of the weekday.
        currency: ISO 4217 code of the money that reports add up in; others are converted by
            ``currencies.yaml``.
        coverage: Whether a missing industry variant is a warning, or an error.
        holdout: The always-on comparison with default content.
        personas: How personas are scored.
        retention: How long events, decisions and what was set aside are kept.
        consent: How visitors are asked what their data may be used for.
        network: What the network that a visitor comes from may tell.
        smallest_audience: Visitors that an audience should have, lest its content be about few.
        visitor_cookie_days: Lifetime of the cookie with the visitor id.
        industry_cookie_days: Lifetime of the cookie with what the visitor declared.
        reask_days: A declared industry that is older is asked for again; 0 never asks.
        drift_days: For so long after an answer, behaviour does not question it.
        questions_per_session: So many questions at most are put to a visitor in one session.
        question_rest_days: For so long a question that was put aside is not asked.
        footer: Text at the foot of every page.
        locales: Locale code → tagline and footer there.
    """

    name: str = "Workspace"
    tagline: str = ""
    default_locale: str = "en"
    zone: str = "UTC"
    currency: str = ""
    coverage: Literal["warn", "full"] = "warn"
    holdout: HoldoutSettings = HoldoutSettings()
    personas: PersonaSettings = PersonaSettings()
    retention: RetentionSettings = RetentionSettings()
    consent: ConsentSettings = ConsentSettings()
    network: NetworkSettings = NetworkSettings()
    smallest_audience: int = 50
    visitor_cookie_days: int = 390
    industry_cookie_days: int = 7
    reask_days: int = 90
    drift_days: int = 7
    questions_per_session: int = 2
    question_rest_days: int = 90
    footer: str = ""
    locales: dict[str, dict[str, str]] = {}


class Workspace(Document, frozen=True, kw_only=True):
    """All documents of a workspace, each kind keyed by name."""

    settings: Settings = Settings()
    attributes: dict[str, Attribute] = {}
    industries: dict[str, Industry] = {}
    locales: dict[str, Locale] = {}
    audiences: dict[str, Audience] = {}
    personas: dict[str, Persona] = {}
    block_types: dict[str, BlockTypeDocument] = {}
    blocks: dict[str, Block] = {}
    pages: dict[str, Page] = {}
    strategies: dict[str, Strategy] = {}
    experiments: dict[str, Experiment] = {}
    goals: dict[str, Goal] = {}
    metrics: dict[str, Metric] = {}
    currencies: dict[str, Currency] = {}
    targets: dict[str, Target] = {}
    questions: dict[str, QuestionDocument] = {}
    objectives: dict[str, Objective] = {}
    pipelines: dict[str, Pipeline] = {}


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable, numbered, hashed, validated publication of the workspace.

    `digest` is the SHA-256 of the workspace's canonical JSON.
    """

    number: int
    digest: str
    published: Millis
    author: str
    message: str
    workspace: Workspace
