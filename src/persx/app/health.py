"""Use cases of health: look at it, and silence alerts for a while."""

from __future__ import annotations

import secrets
from typing import Final

import msgspec

from persx.app.health_record import load_silences, load_status, save_silence
from persx.app.looking import look
from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.health.objectives import objectives
from persx.health.status import Silence, Status
from persx.model.clock import DAY, Millis, iso
from persx.model.errors import BadInput, NotFound, did_you_mean

LONGEST: Final = 90 * DAY
_LONGEST_TEXT: Final = 500


class HealthRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of health."""


async def current_health(services: Services, _request: HealthRequest) -> Status:
    """Look now, and return everything."""
    return await look(services, fresh=True)


async def last_health(services: Services, _request: HealthRequest) -> Status:
    """Return what was found at the last look, with the silences of now."""
    kept = services.health.status if services.health.status.at else None
    status = kept or await load_status(services.store)
    now = services.clock()
    silences = [each for each in (await load_silences(services.store)).values() if now < each.until]
    return msgspec.structs.replace(status, silences=tuple(silences))


class SilenceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """No alerts for a while.

    Attributes:
        objective: Its name; ``*`` stands for all.
        subject: What the subject begins with, such as a block's name; empty stands for all.
        length: For how long, in milliseconds.
    """

    objective: str
    subject: str = ""
    length: Millis
    who: str = ""
    why: str


async def silence(services: Services, request: SilenceRequest) -> Silence:
    """Silence an objective's alerts. What is still wrong when it ends is told then.

    Raises:
        NotFound: There is no such objective.
        BadInput: It is for too long, or nothing says why.
    """
    await services.publication.refresh(services.store)
    plan = services.publication.plan
    names = [each.name for each in objectives(plan.workspace if plan else None)]
    if request.objective != "*" and request.objective not in names:
        raise NotFound(
            f"There is no objective '{request.objective}'.",
            value=request.objective,
            hint=did_you_mean(request.objective, names),
        )
    if not 0 < request.length <= LONGEST:
        raise BadInput(
            "A silence lasts at most 90 days.", value=request.length, hint="Write 1h, 2d or 1w."
        )
    if not request.why.strip():
        raise BadInput("A silence needs a reason.", hint="Say why, for whoever comes after you.")
    now = services.clock()
    made = Silence(
        id=secrets.token_hex(4),
        objective=request.objective,
        subject=request.subject[:_LONGEST_TEXT],
        until=now + request.length,
        who=request.who[:_LONGEST_TEXT],
        why=request.why.strip()[:_LONGEST_TEXT],
        created=now,
    )
    await save_silence(services.store, made.id, made)
    return made


class UnsilenceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The silence that shall end now."""

    id: str


async def unsilence(services: Services, request: UnsilenceRequest) -> Silence:
    """End a silence.

    Raises:
        NotFound: There is none with this id.
    """
    known = await load_silences(services.store)
    if request.id not in known:
        raise NotFound(
            f"There is no silence '{request.id}'.",
            value=request.id,
            hint=did_you_mean(request.id, known) or "See them with: persx health",
        )
    await save_silence(services.store, request.id, None)
    return known[request.id]


def _looked(_request: HealthRequest, _status: Status) -> list[Noted]:
    return []


def _silenced(_request: SilenceRequest, made: Silence) -> list[Noted]:
    told = f"until {iso(made.until)}: {made.why}"
    on = f"{made.objective} {made.subject}".strip()
    return [Noted("health.silence", on, told)]


def _unsilenced(_request: UnsilenceRequest, ended: Silence) -> list[Noted]:
    return [Noted("health.unsilence", f"{ended.objective} {ended.subject}".strip(), ended.why)]


HEALTH: Final = UseCase("health", HealthRequest, Status, current_health, notes=_looked)
LAST_HEALTH: Final = UseCase("last-health", HealthRequest, Status, last_health, writes=False)
SILENCE: Final = UseCase("silence", SilenceRequest, Silence, silence, notes=_silenced)
UNSILENCE: Final = UseCase("unsilence", UnsilenceRequest, Silence, unsilence, notes=_unsilenced)

USE_CASES: Final[tuple[AnyUseCase, ...]] = (HEALTH, LAST_HEALTH, SILENCE, UNSILENCE)
"""What can be asked and done about health."""
