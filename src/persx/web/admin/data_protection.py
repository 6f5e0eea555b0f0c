"""Data protection in the studio: what is kept how long, what went, and what the visitors allow."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.app.erasing import ErasureReceipt, receipts
from persx.app.retention import Kept, RetentionReport, RetentionRequest, Run, report
from persx.app.services import Services
from persx.content.texts import label_of
from persx.decide.plan import Plan
from persx.model.clock import Millis
from persx.model.errors import PersxError
from persx.model.workspace import ConsentMode, ConsentSettings, OnWithdrawal
from persx.web.admin.consent_share import Share, share_of
from persx.web.admin.frame import studio_page
from persx.web.visitors import services_of

_log = logging.getLogger("persx")

SHOWN: Final = 20
"""Receipts and runs that are listed, the newest; the command line has the others."""

_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "w": "weeks"}

PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "events_hot": ("event", "events"),
    "events_sealed": ("event in the archive", "events in the archive"),
    "decisions_hot": ("decision", "decisions"),
    "decisions_sealed": ("decision in the archive", "decisions in the archive"),
    "rejected": ("event set aside", "events set aside"),
    "states": ("profile", "profiles"),
    "edges": ("link between ids", "links between ids"),
    "values": ("note", "notes"),
    "tables": ("row of an imported table", "rows of imported tables"),
    "facts": ("fact", "facts"),
    "events": ("event", "events"),
    "decisions": ("decision", "decisions"),
}
"""What operators call one, or several, of what was removed from a place."""


class KeptRow(msgspec.Struct, frozen=True, kw_only=True):
    """How long one kind of thing is kept; `before`: what is older has been removed."""

    what: str
    kind: str = ""
    keep: str
    before: Millis = 0


class Went(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed at a time, in words; `id` of the receipt where it is an erasure."""

    at: Millis
    what: tuple[str, ...]
    id: str = ""


class DataProtectionView(msgspec.Struct, frozen=True, kw_only=True):
    """The studio's page on data protection.

    Attributes:
        looked: When it was last looked for what is too old; 0 for never.
        next: When something can become too old again; 0 where all is kept for ever.
        due: What goes then, in words; none where it could not be counted.
        asked: How visitors are asked, in words.
        erasures: How many receipts there are; `erased` are the newest of them.
    """

    name: str
    rules: tuple[KeptRow, ...] = ()
    looked: Millis = 0
    next: Millis = 0
    due: tuple[str, ...] | None = None
    runs: tuple[Went, ...] = ()
    asked: tuple[str, ...] = ()
    share: Share = Share()
    erasures: int = 0
    erased: tuple[Went, ...] = ()
    shown: int = SHOWN


async def show_data_protection(request: Request) -> Response:
    """Show what is kept how long, what was removed when, and what is next."""
    services = services_of(request)
    plan = services.publication.plan
    if plan is None:
        view = DataProtectionView(name="persx")
        return studio_page(request, "admin/data_protection.html", view)
    found, counted = await _report(services)
    given = await receipts(services)
    view = DataProtectionView(
        name=plan.workspace.settings.name,
        rules=_rules(plan, found),
        looked=found.looked,
        next=found.next,
        due=_places(found.due) if counted else None,
        runs=tuple(_went(run) for run in found.runs[:SHOWN]),
        asked=_asked(plan.workspace.settings.consent),
        share=share_of(services.metrics.pages()),
        erasures=len(given),
        erased=tuple(_went(receipt) for receipt in given[:SHOWN]),
    )
    return studio_page(request, "admin/data_protection.html", view)


async def _report(services: Services) -> tuple[RetentionReport, bool]:
    """Return what retention tells, and whether it could count what is due."""
    try:
        async with services.slow_reads.turn():
            return await report(services, RetentionRequest()), True
    except PersxError:
        # One figure that is missing is no reason to show none of the others.
        _log.exception("What is due could not be counted.")
        return await report(services, RetentionRequest(count=False)), False


def _rules(plan: Plan, found: RetentionReport) -> tuple[KeptRow, ...]:
    rows = [_row(plan, rule) for rule in found.rules]
    places = {rule.place for rule in found.rules}
    if not any(rule.place == "events" and rule.kind == "default" for rule in found.rules):
        what = "Other events" if "events" in places else "Events"
        rows.append(KeptRow(what=what, keep=""))
    rows += [
        KeptRow(what=what, keep="")
        for place, what in (("decisions", "Decisions"), ("rejected", "Events set aside"))
        if place not in places
    ]
    return tuple(rows)


def _row(plan: Plan, rule: Kept) -> KeptRow:
    keep = f"{rule.keep[:-1]} {_UNITS.get(rule.keep[-1:], rule.keep[-1:])}"
    if rule.keep[:-1] == "1":
        keep = keep.removesuffix("s")
    what, kind = {
        "decisions": ("Decisions", ""),
        "rejected": ("Events set aside", ""),
    }.get(rule.place, ("Events", rule.kind))
    if rule.place == "events" and rule.kind == "default":
        what, kind = "Other events", ""
    if rule.place == "facts":
        locales = plan.workspace.locales
        default = plan.workspace.settings.default_locale
        what, kind = label_of(plan.attributes[rule.kind], default, locales), rule.kind
    return KeptRow(what=what, kind=kind, keep=keep, before=rule.before)


def _went(found: Run | ErasureReceipt) -> Went:
    if isinstance(found, Run):
        return Went(at=found.at, what=_places(found.removed))
    return Went(at=found.at, what=_places(found.counts), id=found.id)


def _places(counts: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(
        f"{counts[place]:,} {one if counts[place] == 1 else several}"
        for place, (one, several) in PLACES.items()
        if counts.get(place)
    )


def _asked(consent: ConsentSettings) -> tuple[str, ...]:
    asked: Sequence[str] = (
        "Nothing is kept of visitors before they agree."
        if consent.mode is ConsentMode.OPT_IN
        else "Visitors are remembered until they object.",
        "Our banner asks."
        if consent.banner and consent.mode is ConsentMode.OPT_IN
        else "No banner asks; the foot of every page leads to the choices.",
        "What was kept for a purpose is erased at once when a visitor withdraws it."
        if consent.on_withdrawal is OnWithdrawal.ERASE
        else "Who withdraws is offered to have erased what was kept; else it stays, unused.",
    )
    return tuple(asked)
