"""What is kept of a visitor, for which purpose, under which id and for how long: as people read it.

The data-protection table of the docs is written from this list and from the cookies. Whoever keeps
something new adds a line here.
"""

from __future__ import annotations

from typing import Final

import msgspec

from persx.model.attribute import Purpose
from persx.visitors.consent import STORAGE


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is kept.

    Attributes:
        needs: The purposes of which one has to be granted for it to be kept.
        under: The id that it is found by.
        until: How long it is kept.
        withdrawn: What becomes of it when consent is withdrawn; `consent.on_withdrawal` decides.
    """

    what: str
    needs: tuple[Purpose, ...]
    under: str
    until: str
    withdrawn: str = "stays, unused; with `erase`, erased once no storage is allowed any more"


_ID: Final = "the visitor's id"
_LOG: Final = "until it is erased, or its retention ends"

KEPT: Final = (
    Kept(
        what="Numbers of decisions, events and answers, for operators; sums a day, for health; "
        "sums of experiments, by arm and segment",
        needs=(Purpose.NECESSARY,),
        under="no id",
        until="until the server stops; sums of a day 400 days; those of experiments until they "
        "are read anew, or somebody is erased",
        withdrawn="stays: it names nobody",
    ),
    Kept(
        what="A receipt in the page of who allows no storage: the request, variants, reasons",
        needs=(Purpose.NECESSARY,),
        under="no id; in the visitor's own page, signed",
        until="nowhere on our side; it is read for 7 days",
        withdrawn="is how pages are explained from then on",
    ),
    Kept(
        what="A form that was sent, with its answers",
        needs=(Purpose.NECESSARY,),
        under="the visitor's id; a random one for this form alone where no storage is allowed",
        until=_LOG,
    ),
    Kept(
        what="An answer to the question of consent, with time, source and version of the text; the "
        "newest hundred of each identity",
        needs=(Purpose.NECESSARY,),
        under="the visitor's id, where they have one; else only in their own cookie",
        until="until it is erased; the event, until its retention ends",
        withdrawn="stays; with `erase`, the denial alone does, because it has to hold",
    ),
    Kept(
        what="That attributes of a withdrawn purpose were erased, and when",
        needs=(Purpose.NECESSARY,),
        under=_ID,
        until="until it is erased",
        withdrawn="is kept from then on, so that nothing brings them back",
    ),
    Kept(
        what="What the visitor's page loads, clicks on recommendations and events tell, addresses "
        "and user agents reduced",
        needs=STORAGE,
        under=_ID,
        until=_LOG,
    ),
    Kept(
        what="The identity: first and last visit, number of events, links to other identities",
        needs=STORAGE,
        under=_ID,
        until="until it is erased",
    ),
    Kept(
        what="A line for each decision: snapshot, attributes read, variants, reasons, and items "
        "that were recommended, with the reason of each",
        needs=STORAGE,
        under=_ID,
        until=_LOG,
    ),
    Kept(
        what="Arms of experiments and of the holdout, and the exposures that make a visitor count",
        needs=(Purpose.ANALYTICS,),
        under=_ID,
        until=_LOG,
    ),
    Kept(
        what="Declared facts and computed attributes of this purpose: used for content",
        needs=(Purpose.PERSONALIZATION,),
        under=_ID,
        until="as long as the attribute's `expires` says; without it, until it is erased",
        withdrawn="stays, unused; with `erase`, removed from the profile at once",
    ),
    Kept(
        what="Short questions that were put aside, and when: they rest meanwhile",
        needs=STORAGE,
        under=_ID,
        until="until it is erased",
    ),
    Kept(
        what="Where something is predicted: what visits leave (pages, referring sites, campaigns, "
        "class of device, names of events), each with its first time; a guess itself is not kept",
        needs=STORAGE,
        under=_ID,
        until="until it is erased; of each visitor the first 100",
    ),
    Kept(
        what="Models that guess, trained on visitors who allow personalization and analytics: "
        "weights of what at least five of them left",
        needs=(Purpose.PERSONALIZATION, Purpose.ANALYTICS),
        under="no id",
        until="always, with their figures, so that decisions can be replayed",
    ),
    Kept(
        what="Session storage `persx-state`: industry, goals, tools, persona, guesses",
        needs=STORAGE,
        under="the browser's tab",
        until="until the tab is closed",
        withdrawn="is removed with the next page",
    ),
    Kept(
        what="Facts whose attribute has this purpose: no rule sees them without it",
        needs=(Purpose.MARKETING,),
        under=_ID,
        until="as long as the attribute's `expires` says; without it, until it is erased",
        withdrawn="stays, unused; with `erase`, removed from the profile at once",
    ),
)
