"""Reviews on a schedule: each week and month once, by one process, and sent to who wants them."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from persx.app.alerting import FIRST_PAUSE, GIVEN_UP_AFTER, LONGEST_PAUSE, alert_settings
from persx.app.health_record import Delivery
from persx.app.reviewing import ReviewRequest, kept_review, review
from persx.app.services import Services
from persx.health.channels.channel import AlertSettings, NotSent
from persx.health.channels.email import send_mail
from persx.health.review.mail import mail_of
from persx.health.review.periods import Kind, Period, before, period_at
from persx.health.review.review import Review
from persx.model.clock import MINUTE, Millis
from persx.model.simulation import SIMULATED_LABEL

LEASE: Final = "review"
_LONGEST: Final = 10 * MINUTE
_MAILED: Final = "review-mail:"

_log = logging.getLogger("persx")


class Reviewing:
    """Makes what is due, and sends it, until it is done."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._done: set[str] = set()
        # A lease is given again to who has it: two in one process must not be taken for one.
        self._holder = f"review:{os.getpid()}:{secrets.token_hex(4)}"

    async def look(self) -> None:
        """Make and send the review of the last week and month, where that was not done yet."""
        plan = self._services.publication.plan
        if plan is None or not self._services.settings.reviews:
            return
        now = self._services.clock()
        for kind in Kind:
            period = before(period_at(now, kind, plan.workspace.settings.zone))
            if period.name in self._done or now < due(period, self._services.settings.review_hour):
                continue
            if await self._finish(period, now):
                self._done.add(period.name)

    async def _finish(self, period: Period, now: Millis) -> bool:
        """Do what remains of a period, under the lease; tell whether nothing remains."""
        services = self._services
        holder = self._holder
        if not await services.store.lease(LEASE, holder, now + _LONGEST, now):
            return False
        try:
            made = await kept_review(services, period.name)
            if made is None:
                if not await _lived(services, period):
                    return True
                made = await review(services, ReviewRequest(period=period.name))
                _log.info("The review of %s is at /admin/review/%s.", period.title, period.name)
            return await deliver_review(services, made)
        finally:
            await services.store.lease(LEASE, holder, now, now)


def due(period: Period, hour: int) -> Millis:
    """Return when the review of a period is made: at an hour of the day after its end.

    >>> from persx.health.review.periods import read_period
    >>> week = read_period("2026-W47", "Europe/Vienna")
    >>> datetime.fromtimestamp(due(week, 7) / 1_000, UTC).isoformat()
    '2026-11-23T06:00:00+00:00'
    """
    zone = ZoneInfo(period.zone)
    day = datetime.fromtimestamp(period.end / 1_000, UTC).astimezone(zone)
    local = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(hours=hour)
    return round(local.timestamp() * 1_000)


async def _lived(services: Services, period: Period) -> bool:
    """Tell whether the home served anything then: no review of the time before it was there."""
    heads = await services.store.snapshots()
    return any(head.published < period.end for head in heads)


def review_mail_settings(services: Services) -> AlertSettings | None:
    """Return how reviews are mailed: as alerts are, to whom they are for; none where nobody is."""
    settings = alert_settings(services)
    to = services.settings.review_email_to or settings.email_to
    if not (settings.smtp_host and to):
        return None
    return msgspec.structs.replace(settings, email_to=to)


async def deliver_review(services: Services, made: Review) -> bool:
    """Mail a review unless that was done; tell whether nothing remains to be done.

    What fails is tried again, ever later, for a day. Whoever crashes between sending and noting
    it sends again, with the same Message-ID.
    """
    settings = review_mail_settings(services)
    if settings is None:
        return True
    name = f"{_MAILED}{made.period.name}"
    raw = await services.store.value(name)
    delivery = msgspec.json.decode(raw, type=Delivery) if raw else Delivery()
    now = services.clock()
    if delivery.state != "waiting":
        return True
    if now < delivery.next:
        return False
    error = await asyncio.to_thread(_sent, services, made, settings)
    tries = delivery.tries + 1
    if not error:
        after = Delivery(state="sent", tries=tries)
    elif now - made.made > GIVEN_UP_AFTER:
        _log.error("The review of %s could not be mailed: %s", made.period.name, error)
        after = Delivery(state="given up", tries=tries, error=error)
    else:
        _log.warning("A review could not be mailed, it is tried again: %s", error)
        pause = min(LONGEST_PAUSE, FIRST_PAUSE << min(tries - 1, 20))
        after = Delivery(tries=tries, next=now + pause, error=error)
    await services.store.set_value(name, msgspec.json.encode(after))
    return after.state != "waiting"


def _sent(services: Services, made: Review, settings: AlertSettings) -> str:
    """Send it; return why it was not taken, or nothing."""
    try:
        send_mail(
            lambda: mail_of(
                made,
                sender=settings.email_from,
                to=settings.email_to,
                public_url=services.settings.public_url,
                simulated=SIMULATED_LABEL,
                home_id=services.keys.home_id,
            ),
            settings,
        )
    except NotSent as error:
        return error.message
    return ""
