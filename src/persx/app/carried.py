"""Carried receipts: signed tokens in the pages of those of whom nothing may be kept.

Such a token says why a page was as it was. It is signed, not encrypted: it names nobody, and holds
nothing that its bearer did not send with the request or see on the page. We keep nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from persx.app.services import Services
from persx.app.signing import Signer
from persx.audience.schema import contextual_attributes
from persx.decide.plan import PagePlan, Plan
from persx.decide.receipt import LoggedList, LoggedPage
from persx.model.attribute import Purpose, Source
from persx.model.clock import DAY, Millis
from persx.model.decision import DecisionRecord, PageDecision, Reason
from persx.model.errors import NotFound

DAYS: Final = 7
"""A carried receipt explains its page for so long; who copies an address cannot use it for ever."""

LONGEST: Final = 16_384
"""Characters of a token at most; what is longer was not written by us."""

NOTHING_RECOMMENDED: Final[Mapping[str, LoggedList]] = {}

_CONTEXTUAL: Final = contextual_attributes()


class ReceiptExpired(NotFound):
    """A carried receipt is genuine, but too old."""


class Carried(msgspec.Struct, frozen=True, array_like=True):
    """What a token says of one page.

    Attributes:
        attributes: What the page's rules read of the request.
        hidden: What they read besides, by name: kept facts are in no address.
    """

    id: str
    at: Millis
    page: str
    snapshot: int
    attributes: dict[str, Any]
    decisions: tuple[tuple[str, str, Reason, float], ...]
    artifacts: dict[str, int] = {}
    hidden: tuple[str, ...] = ()
    recommended: dict[str, LoggedList] = {}

    def line(self) -> DecisionRecord:
        """Return what the decision log would say, had it been allowed to."""
        body = LoggedPage(
            page=self.page,
            artifacts=self.artifacts,
            attributes=self.attributes,
            decisions=self.decisions,
            recommended=self.recommended,
        )
        return DecisionRecord(
            id=self.id,
            at=self.at,
            bucketing_id="",
            page=self.page,
            snapshot=self.snapshot,
            body=msgspec.json.encode(body).decode(),
        )


def carry(
    signer: Signer,
    decision: PageDecision,
    page: PagePlan,
    plan: Plan,
    now: Millis,
    recommended: Mapping[str, LoggedList] = NOTHING_RECOMMENDED,
) -> str:
    """Return the token for a page of somebody of whom nothing may be kept."""
    visible = decision.attributes
    shown: dict[str, Any] = {}
    hidden: list[str] = []
    for name in page.reads:
        value = visible.get(name)
        if value is None:
            continue
        attribute = plan.attributes.get(name) or _CONTEXTUAL.get(name)
        if attribute is not None and (
            attribute.source is Source.CONTEXTUAL or attribute.purpose is Purpose.NECESSARY
        ):
            shown[name] = value
        else:
            hidden.append(name)
    return signer.receipt(
        Carried(
            id=decision.id,
            at=now,
            page=decision.page,
            snapshot=decision.snapshot,
            attributes=shown,
            decisions=tuple(
                (each.block, each.variant, each.reason, each.propensity)
                for each in decision.decisions
            ),
            artifacts=dict(decision.artifacts),
            hidden=tuple(hidden),
            recommended=dict(recommended),
        )
    )


def read_carried(services: Services, token: str) -> tuple[Carried, str] | None:
    """Return what a token says, and the block that was named behind it; none if it is not ours.

    Raises:
        ReceiptExpired: It is ours, and older than `DAYS`.
    """
    if len(token) > LONGEST:
        return None
    found, block = services.signer.read_receipt(token), ""
    if found is None:
        token, _, block = token.rpartition(".")
        found = services.signer.read_receipt(token)
    try:
        carried = msgspec.convert(found, Carried)
    except msgspec.ValidationError:
        return None
    if services.clock() - carried.at > DAYS * DAY:
        raise ReceiptExpired(
            f"This receipt is older than {DAYS} days, and nothing of it was kept.",
            hint="Open the page again: it brings a new one.",
        )
    return carried, block
