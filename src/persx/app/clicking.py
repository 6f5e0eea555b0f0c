"""Clicking: links of recommended items lead through us, so that a click counts without a script.

A link's token is signed and names one item in one place of one page. It leads to what the
catalogue says is that item's page, and to nothing else. Who follows a copy of somebody else's link
gets there too, but counts for nobody.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import msgspec

from persx.app.collecting import collect
from persx.app.consenting import consented
from persx.app.decision_log import decided_at
from persx.app.filtering import paced
from persx.app.robots import Pace
from persx.app.services import Services
from persx.app.signing import Signer
from persx.app.visiting import Visitor
from persx.content.safety import href_problem
from persx.model.clock import DAY, Millis
from persx.model.event import (
    EMAIL_LINK_CLICKED,
    RECOMMENDATION_CLICKED,
    Event,
    EventType,
    anonymous_key,
    user_key,
)

PAGE_DAYS: Final = 1
"""For so long a click counts in a page that stays open."""

MAIL_DAYS: Final = 90
"""For so long it counts in an e-mail."""

PATH: Final = "/v1/r/"
LONGEST: Final = 2_000
"""Characters of a token at most; what is longer was not written by us."""

_SCHEMES: Final = frozenset({"http", "https"})


class Click(msgspec.Struct, frozen=True, array_like=True):
    """What a link's token says: which item of which list, and whose list it was.

    Attributes:
        decision: Id of the page's decision, or of an e-mail's list.
        place: Of the item in its list, counted from 1.
        page: The path of the page; empty in an e-mail.
        whose: A keyed hash of the visitor's id, who brings it in their cookie.
        user_id: In an e-mail, whose it is.
    """

    decision: str
    block: str
    pipeline: str
    item: str
    place: int
    page: str = ""
    whose: str = ""
    user_id: str = ""


def whose(signer: Signer, anonymous_id: str) -> str:
    """Return what tells that a link is somebody's, without telling whose."""
    return signer.signature("recommended to", anonymous_id.encode())[:16] if anonymous_id else ""


def link(signer: Signer, click: Click) -> str:
    """Return the path that a recommended item is linked to."""
    return PATH + signer.click(click)


def target_problem(url: str) -> str | None:
    """Return why an item's page may not be linked to, or None.

    >>> target_problem("/products/storm") is None
    True
    >>> target_problem("javascript:alert(1)")
    "links with 'javascript:' are not allowed"
    """
    if problem := href_problem(url):
        return problem
    if url.startswith("/"):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return "it is no address"
    return None if parts.scheme in _SCHEMES and parts.hostname else "it is no address of a page"


def read_click(services: Services, token: str) -> tuple[Click, Millis] | None:
    """Return what a link's token says and when it was made; none where it is not ours."""
    if len(token) > LONGEST or (found := services.signer.read_click(token)) is None:
        return None
    try:
        return msgspec.convert(found[0], Click), found[1]
    except msgspec.ValidationError:
        return None


async def count_click(services: Services, click: Click, made: Millis, visitor: Visitor) -> bool:
    """Log a click that a person made, once; tell whether it counts.

    It does not where somebody else follows the link, where it is too old, and where the visitor
    allows nothing to be kept.
    """
    now = services.clock()
    if now - made > (MAIL_DAYS if click.user_id else PAGE_DAYS) * DAY:
        return False
    if click.user_id:
        anonymous_id, user_id, since = None, click.user_id, made
        identity = user_key(click.user_id)
    else:
        if visitor.new or click.whose != whose(services.signer, visitor.anonymous_id):
            return False
        anonymous_id, user_id = visitor.anonymous_id, None
        since, identity = decided_at(click.decision), anonymous_key(visitor.anonymous_id)
    if services.erased.covers(identity, since):
        return False
    event = Event(
        type=EventType.TRACK,
        message_id=f"{click.decision}:rc:{click.block}:{click.item}",
        anonymous_id=anonymous_id,
        user_id=user_id,
        name=EMAIL_LINK_CLICKED if click.user_id else RECOMMENDATION_CLICKED,
        timestamp=now,
        received=now,
        verified=True,
        properties={
            "block": click.block,
            "pipeline": click.pipeline,
            "item_id": click.item,
            "place": click.place,
            "page": click.page,
            "decision_id": click.decision,
        },
    )
    if paced(services, event, RECOMMENDATION_CLICKED) is not Pace.HUMAN:
        return False
    allowed = await consented(services, [event])
    await collect(services, allowed)
    return bool(allowed)
