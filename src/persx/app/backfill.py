"""Backfilling: what a publication defines anew is folded from the events that came before it.

The log switches to another fold between two transactions and keeps a note of it, with the
sequence and the keys that the new fold keeps, in the transaction that switches. So for every
key it is known which events were folded as they arrived; what was not is a gap. A gap is filled
from retained events in chunks whose position moves in the transaction that merges their states:
a crash at any moment neither loses an event nor counts one twice. A key is *ready*, and its
attribute known, once it has no gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from itertools import pairwise
from typing import Final

import msgspec

from persx.app.pace import Pace
from persx.app.services import Services
from persx.app.withdrawals import withheld_until
from persx.decide.plan import Plan
from persx.model.workspace import OnWithdrawal
from persx.storage.ports import Store
from persx.storage.scope import System
from persx.visitors.fold import Fold

_SCOPE: Final = System("backfilling")

NOTES: Final = "projector/"
"""Small values that `Stream.use_projector` keeps: sequence → keys of the fold from there on."""

_JOBS: Final = "backfill/job/"
_POSITIONS: Final = "backfill/position/"

CHUNK: Final = 5_000
"""Events that are folded before their states are merged in one transaction."""

Interval = tuple[int, int]
"""Sequences (after, until]."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Events after `after` up to `until` that these keys have to be folded from.

    `position` is how far it has come.
    """

    name: str
    keys: tuple[str, ...]
    after: int
    until: int
    position: int

    @property
    def done(self) -> float:
        """The share that is folded, from 0 to 1."""
        return (self.position - self.after) / (self.until - self.after)


def fold_of(plan: Plan | None) -> Fold:
    """Return the fold of a served snapshot.

    Before anything is published, events still make identities and their edges.
    """
    if plan is None:
        return Fold({})
    consent = plan.workspace.settings.consent
    return Fold(
        plan.attributes,
        categories=consent.categories,
        erasing=consent.on_withdrawal is OnWithdrawal.ERASE,
    )


async def backfill(services: Services, fold: Fold) -> None:
    """Fold events with this fold from now on, and what it keeps anew from earlier ones.

    Sets `services.publication.ready` at once, and again with each gap that is filled. Restarts
    where an earlier call, or process, was stopped.
    """
    for job in await switch(services, fold):
        await fill(services, fold, job)


async def switch(services: Services, fold: Fold) -> Sequence[Job]:
    """Fold events with this fold from now on; return the gaps that its keys have, as jobs.

    Sets `services.publication.ready`.
    """
    noted = await notes(services.store)
    keys = sorted(fold.keys)
    same = bool(noted) and noted[max(noted)] == frozenset(keys)
    position = await services.stream.use_projector(
        fold, None if same else msgspec.json.encode(keys)
    )
    if not same:
        noted[position] = frozenset(keys)
    jobs = await _plan(services.store, fold.keys, noted)
    services.publication.ready = _ready(fold, jobs)
    return jobs


async def fill(services: Services, fold: Fold, job: Job, *, chunk: int = CHUNK) -> None:
    """Fold a job's keys from the retained events that are left to it, `chunk` at a time."""
    filler = fold.filling(job.keys)
    position = job.position
    pace = Pace(services)
    pieces = services.warehouse.seen_by(_SCOPE).scan_events(after=position, chunk=chunk)
    async with aclosing(pieces):
        while position < job.until:
            # What is removed between reading a piece and merging it would be there again.
            async with services.rewriting:
                events = await anext(pieces, None)
                if events is None:
                    break
                concerned = [event for event in events if event.sequence <= job.until]
                withdrawn = await withheld_until(services, {it.identity for it in concerned})
                piece = fold.filling(job.keys, withdrawn) if withdrawn else filler
                states = (await asyncio.to_thread(piece.fold, concerned)).states
                position = events[-1].sequence if len(concerned) == len(events) else job.until
                await services.store.merge_states(
                    _POSITIONS + job.name, position, list(states.values()), filler
                )
            await pace.rest()
    if position < job.until:
        await services.store.merge_states(_POSITIONS + job.name, job.until, [], filler)
    services.publication.ready = _ready(
        fold, await _plan(services.store, fold.keys, await notes(services.store))
    )


async def progress(store: Store, fold: Fold) -> Sequence[Job]:
    """Return the jobs that are left for this fold's keys, each with its position."""
    return await _plan(store, fold.keys, await notes(store))


async def gaps(store: Store, key: str) -> list[Interval]:
    """Return the sequences whose events a backfill has still to fold into a key."""
    return _gaps(key, await notes(store), await _jobs(store))


def _ready(fold: Fold, jobs: Iterable[Job]) -> frozenset[str]:
    return fold.keys - {key for job in jobs for key in job.keys}


async def notes(store: Store) -> dict[int, frozenset[str]]:
    """Return which keys the log folded from which sequence on."""
    kept = await store.values(NOTES)
    return {
        int(name.removeprefix(NOTES)): frozenset(msgspec.json.decode(note, type=list[str]))
        for name, note in kept.items()
    }


async def _jobs(store: Store) -> list[Job]:
    positions = await store.values(_POSITIONS)
    jobs = []
    for name, kept in sorted((await store.values(_JOBS)).items()):
        job = msgspec.json.decode(kept, type=Job)
        position = positions.get(_POSITIONS + name.removeprefix(_JOBS))
        if position is not None:
            job = msgspec.structs.replace(job, position=int(position))
        jobs.append(job)
    return jobs


async def _plan(
    store: Store, keys: Iterable[str], notes: Mapping[int, frozenset[str]]
) -> list[Job]:
    """Return a job for every gap that some of the keys have; those left unfinished go on."""
    jobs = await _jobs(store)
    gaps: dict[Interval, list[str]] = {}
    for key in sorted(keys):
        for gap in _gaps(key, notes, jobs):
            gaps.setdefault(gap, []).append(key)
    planned = []
    number = int(jobs[-1].name) if jobs else 0
    for (after, until), concerned in sorted(gaps.items()):
        wanted = tuple(concerned)
        job = next(
            (job for job in jobs if (job.position, job.until, job.keys) == (after, until, wanted)),
            None,
        )
        if job is None:
            number += 1
            job = Job(name=f"{number:08d}", keys=wanted, after=after, until=until, position=after)
            await store.set_value(_JOBS + job.name, msgspec.json.encode(job))
        planned.append(job)
    return planned


def _gaps(key: str, notes: Mapping[int, frozenset[str]], jobs: Iterable[Job]) -> list[Interval]:
    """Return the sequences before the newest note that were never folded into a key."""
    positions = sorted(notes)
    end = positions[-1] if positions else 0
    covered = [(job.after, job.position) for job in jobs if key in job.keys]
    for start, stop in pairwise(positions):
        if key in notes[start]:
            covered.append((start, stop))
    gaps = []
    reached = 0
    for after, until in sorted(covered):
        if after > reached:
            gaps.append((reached, after))
        reached = max(reached, until)
    if reached < end:
        gaps.append((reached, end))
    return gaps
