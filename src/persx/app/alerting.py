"""Alerting: what is confirmed, and what is right again, is told to people; each thing once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from persx.app.health_record import (
    KEPT_ALERTS,
    Delivery,
    Posted,
    Record,
    save_record,
)
from persx.app.health_telling import target_words
from persx.app.services import Services
from persx.health.alerts import Alert
from persx.health.channels import ALERT_CHANNELS
from persx.health.channels.channel import AlertSettings, NotSent
from persx.health.indicators import INDICATORS
from persx.health.judging import Finding
from persx.health.objectives import objectives
from persx.health.status import Silence
from persx.model.clock import DAY, MINUTE, SECOND, Millis
from persx.model.errors import PersxError
from persx.model.health import Objective, ObjectiveState
from persx.model.simulation import SIMULATED_LABEL
from persx.model.workspace import Workspace

FIRST_PAUSE: Final = 2 * SECOND
LONGEST_PAUSE: Final = 15 * MINUTE
GIVEN_UP_AFTER: Final = DAY

_log = logging.getLogger("persx")


def alert_settings(services: Services) -> AlertSettings:
    """Return where alerts go."""
    given = services.settings
    return AlertSettings(
        webhook=given.alert_webhook,
        email_to=given.alert_email_to,
        email_from=given.alert_email_from,
        smtp_host=given.smtp_host,
        smtp_port=given.smtp_port,
        smtp_user=given.smtp_user,
        smtp_password=given.smtp_password,
        smtp_security=given.smtp_security,  # type: ignore[arg-type]
    )


def ready_channels(services: Services) -> list[str]:
    """Return the channels that know where to send."""
    settings = alert_settings(services)
    return [each.name for each in ALERT_CHANNELS if each.ready(settings)]


def told(
    services: Services,
    record: Record,
    findings: Mapping[str, Mapping[str, Finding]],
    silences: Mapping[str, Silence],
    workspace: Workspace | None,
    now: Millis,
) -> Record:
    """Return the record with messages of what is newly confirmed, and of what is right again.

    What is silenced is not told, and is told once the silence is over. Who has been told of
    something is told of its end; that nothing is known of it any more is no end.

    Args:
        findings: Objective → subject → finding.
    """
    kept, posted = dict(record.objectives), list(record.posted)
    channels = ready_channels(services)
    for objective in objectives(workspace):
        found, before = findings[objective.name], kept[objective.name]
        known = set(before.told)
        broken = {name for name, each in found.items() if each.state is ObjectiveState.CONFIRMED}
        quiet = {
            name
            for name in broken
            if any(each.covers(objective.name, name, now) for each in silences.values())
        }
        open_ = {name for name, each in found.items() if each.state is ObjectiveState.UNKNOWN}
        news: tuple[tuple[Literal["confirmed", "recovered"], set[str]], ...] = (
            ("confirmed", broken - known - quiet),
            ("recovered", known - broken - open_),
        )
        for kind, subjects in news:
            if subjects:
                shown = tuple(found.get(name) or _gone(name, now) for name in sorted(subjects))
                alert = _alert(services, objective, kind, shown, workspace, now)
                posted.append(
                    Posted(alert=alert, deliveries={name: Delivery() for name in channels})
                )
        after = (known & (broken | open_)) | (broken - quiet)
        kept[objective.name] = msgspec.structs.replace(before, told=tuple(sorted(after)))
    old = [each for each in posted[:-KEPT_ALERTS] if waiting(each)]
    return msgspec.structs.replace(record, objectives=kept, posted=(*old, *posted[-KEPT_ALERTS:]))


def waiting(posted: Posted) -> bool:
    """Tell whether some channel has still to take an alert."""
    return any(each.state == "waiting" for each in posted.deliveries.values())


def _gone(subject: str, now: Millis) -> Finding:
    return Finding(subject=subject, state=ObjectiveState.OK, since=now)


def _alert(
    services: Services,
    objective: Objective,
    kind: Literal["confirmed", "recovered"],
    findings: tuple[Finding, ...],
    workspace: Workspace | None,
    now: Millis,
) -> Alert:
    parts = [services.keys.home_id, objective.name, kind, str(now)]
    parts += [each.subject for each in findings]
    public = services.settings.public_url.rstrip("/")
    site = workspace.settings.name if workspace else "persx"
    return Alert(
        id=hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:24],
        kind=kind,
        at=now,
        site=f"{site} ({SIMULATED_LABEL})" if services.simulation else site,
        objective=objective.name,
        title=INDICATORS[objective.measure.value].title,
        description=objective.description,
        target=target_words(objective),
        findings=findings,
        url=f"{public}/admin/health" if public else "",
    )


def unsure(record: Record) -> Record:
    """Return a record of a process that is gone: what it was just sending may have arrived.

    Nobody is told twice, so that it is not sent again; the log and the studio say so.
    """
    posted = []
    for each in record.posted:
        lost = [name for name, sent in each.deliveries.items() if sent.state == "sending"]
        for name in lost:
            _log.error("Whether this arrived by %s is not known: %s", name, each.alert.headline)
        gone = Delivery(state="unsure", error="The process ended while it was being sent.")
        posted.append(
            msgspec.structs.replace(each, deliveries=each.deliveries | dict.fromkeys(lost, gone))
        )
    return msgspec.structs.replace(record, posted=tuple(posted))


async def deliver(services: Services) -> None:
    """Send what waits and is due; what fails is tried again, ever later, for a day.

    That a message is being sent is kept before it is: whoever crashes in between does not send it
    again, and of two processes one sends it. Who is stopped meanwhile still notes what became of
    it.
    """
    health = services.health
    health.delivering = asyncio.ensure_future(_deliver(services))
    await asyncio.shield(health.delivering)


async def _deliver(services: Services) -> None:
    health, settings = services.health, alert_settings(services)
    async with health.looking:
        record, now = health.record, services.clock()
        if record is None:
            return
        due = [
            (posted.alert, name)
            for posted in record.posted
            for name, each in posted.deliveries.items()
            if each.state == "waiting" and each.next <= now
        ]
        if not due:
            return
        try:
            claimed = {(alert.id, name): Delivery(state="sending") for alert, name in due}
            await save_record(services.store, health, _with(record, claimed))
        except PersxError:
            # Nobody was told of anything: it is read again, and sent then.
            health.forget()
            raise
        results = await asyncio.gather(*(_sent(alert, name, settings) for alert, name in due))
        outcome = {
            (posted.alert.id, name): _after(posted.alert, posted.deliveries[name], error, now)
            for (alert, name), error in zip(due, results, strict=True)
            for posted in record.posted
            if posted.alert is alert
        }
        # Kept in memory in any case: what could not be noted now is at the next look.
        health.record = _with(record, outcome)
        await save_record(services.store, health, health.record)


def _with(record: Record, deliveries: Mapping[tuple[str, str], Delivery]) -> Record:
    """Return the record with other deliveries, by alert and channel."""
    return msgspec.structs.replace(
        record,
        posted=tuple(
            msgspec.structs.replace(
                posted,
                deliveries={
                    name: deliveries.get((posted.alert.id, name), each)
                    for name, each in posted.deliveries.items()
                },
            )
            for posted in record.posted
        ),
    )


async def _sent(alert: Alert, name: str, settings: AlertSettings) -> str:
    """Send one message through one channel; return why it was not taken, or nothing."""
    if name not in ALERT_CHANNELS:
        return "There is no such channel any more."
    channel = ALERT_CHANNELS[name]
    if not channel.ready(settings):
        return "The settings do not say any more where to send."
    try:
        await asyncio.to_thread(channel.send, alert, settings)
    except NotSent as error:
        return error.message
    except Exception as error:
        # A third party's channel; its text may hold what it was given.
        return f"{type(error).__name__}."
    return ""


def _after(alert: Alert, before: Delivery, error: str, now: Millis) -> Delivery:
    tries = before.tries + 1
    if not error:
        return Delivery(state="sent", tries=tries)
    if now - alert.at > GIVEN_UP_AFTER:
        _log.error("An alert could not be sent and is given up: %s %s", alert.headline, error)
        return Delivery(state="given up", tries=tries, error=error)
    pause = min(LONGEST_PAUSE, FIRST_PAUSE << min(tries - 1, 20))
    _log.warning("An alert could not be sent, it is tried again: %s", error)
    return Delivery(tries=tries, next=now + pause, error=error)
