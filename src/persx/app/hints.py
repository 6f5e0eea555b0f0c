"""Hints: what a request suggests of a visitor of whom nothing better is known.

A link may name an industry (``?industry=healthcare``), and a network database may tell of the
network. Hints lie under everything that is known, need the visitor's permission like every other
fact, and are never kept as something that the visitor declared.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from persx.app.network import field
from persx.app.services import Services
from persx.decide.plan import Plan
from persx.model.attribute import Purpose, Source, Value
from persx.model.clock import Millis
from persx.model.errors import PersxError
from persx.model.network import NETWORK_INDUSTRY
from persx.model.question import INDUSTRY
from persx.model.visitor import Profile
from persx.visitors.values import conform

_APART: Final = re.compile(r"[\W_]+")


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """An industry that a visitor who told none may be in, to be asked for.

    Attributes:
        kind: ``link``: the page shows it already. ``network``: it is only supposed.
    """

    kind: Literal["link", "network"]
    industry: str


def link_name(plan: Plan, industry: str) -> str:
    """Return how a link names an industry: such as ``financial-services``.

    Of two that would be named alike, the second is named in full.
    """
    plain = _plain(industry)
    return plain if linked_industry(plan, plain) == industry else industry


def _plain(text: str) -> str:
    return _APART.sub("-", text.casefold()).strip("-")


def linked_industry(plan: Plan, text: str) -> str:
    """Return the industry of the workspace that a link names; empty where there is none.

    The name itself does too, in upper or lower case: campaign links are written by people.
    """
    if not text or len(text) > 200:
        return ""
    industries = plan.workspace.industries
    if text in industries:
        return text
    wanted = _plain(text)
    return next((name for name in industries if wanted and _plain(name) == wanted), "")


def with_hints(
    services: Services, plan: Plan, profile: Profile, now: Millis, *, link: str, address: str
) -> Profile:
    """Return the profile with what the request hints at, as far as the visitor allows that.

    Args:
        link: The industry that a link names; empty where none does.
        address: The network address of the visitor, which is looked up and not kept.
    """
    known = profile.attributes
    found: dict[str, Value] = {}
    industry = plan.attributes.get(INDUSTRY)
    if (
        link
        and industry is not None
        and known.get(INDUSTRY) is None
        and industry.purpose in profile.granted
        and conform(link, industry) is not None
    ):
        found[INDUSTRY] = link
    if address and services.network.opened and Purpose.PERSONALIZATION in profile.granted:
        found |= _of_network(services, plan, profile, address, now)
    if not found:
        return profile
    attributes = {**known, **found}
    # It follows from the others, and may have been found without the hints.
    attributes.pop("persona", None)
    sources = {**profile.sources, **dict.fromkeys(found, Source.CONTEXTUAL)}
    return msgspec.structs.replace(profile, attributes=attributes, sources=sources)


def _of_network(
    services: Services, plan: Plan, profile: Profile, address: str, now: Millis
) -> dict[str, Value]:
    network = plan.workspace.settings.network
    if not network.attributes:
        return {}
    record = services.network.record(address)
    if not record:
        return {}
    facts: dict[str, Value] = {}
    for name, path in network.attributes.items():
        attribute = plan.attributes.get(name)
        if attribute is None or attribute.source is not Source.CONTEXTUAL:
            continue
        value = conform(field(record, path), attribute)
        if value is not None:
            facts[name] = value
    for industry, rule in network.industries.items():
        try:
            holds = plan.program.predicate(rule)(facts, now, {})
        except PersxError:
            # A rule of another version: the hint is lost, and nothing else.
            services.metrics.errors.labels("network").inc()
            continue
        if holds:
            facts[NETWORK_INDUSTRY] = industry
            break
    return {
        name: value
        for name, value in facts.items()
        if name == NETWORK_INDUSTRY or plan.attributes[name].purpose in profile.granted
    }


def suggestion_for(plan: Plan, profile: Profile) -> Suggestion | None:
    """Return the industry that the visitor should be asked whether it is theirs, if any."""
    industry = profile.attributes.get(INDUSTRY)
    if isinstance(industry, str):
        linked = profile.sources.get(INDUSTRY) is Source.CONTEXTUAL
        return Suggestion(kind="link", industry=industry) if linked else None
    supposed = profile.attributes.get(NETWORK_INDUSTRY)
    if plan.workspace.settings.network.suggest and isinstance(supposed, str):
        return Suggestion(kind="network", industry=supposed)
    return None
