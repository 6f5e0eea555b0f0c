"""Visitors by day, from the decision log: against a slow count in Python, on both backends."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest

from persx.app.deciding import current_plan
from persx.app.health_days import visitors_of_day
from persx.app.health_record import back, bounds, day_of, load_days
from persx.app.looking import look
from persx.app.services import Services
from persx.health.counts import Visitors
from persx.model.clock import DAY, HOUR, MINUTE
from persx.model.decision import DecisionRecord
from persx.model.health import ObjectiveState
from tests.health.conftest import BEGIN, Place
from tests.health.test_looking import of

pytestmark = pytest.mark.anyio

UTC = ZoneInfo("UTC")


class Row(NamedTuple):
    """One line of the log, as far as it matters here."""

    visitor: str
    at: int
    industry: str | None
    held: bool
    decisions: list[tuple[str, str, str]]


async def log(services: Services, rows: list[Row]) -> None:
    """Write lines as the decision log has them; some pages recommend, some lists were asked for.

    Those are no pages: whoever asked for one has not come by that.
    """
    records = []
    for number, row in enumerate(rows):
        body = {
            "page": "home",
            "attributes": {"industry": row.industry} if row.industry else {},
            "assignments": [
                {"experiment": "other", "arm": "generic"},
                {"experiment": "holdout", "arm": "generic" if row.held else "targeted"},
            ],
            "decisions": [[*each, 1.0] for each in row.decisions],
        }
        if number % 2:
            body["recommended"] = {"for-you": ["for-you", [["storm", "Storm", "New", 1.0]]]}
        asked = {"recommended": {"pipeline": "for-you", "items": [["storm", "popularity", 1.0]]}}
        records += [
            DecisionRecord(
                id=f"{row.at:011x}{2 * number + place:016x}", at=row.at, bucketing_id=visitor,
                page=page, snapshot=1, body=msgspec.json.encode(said).decode(),
            )
            for place, (visitor, page, said) in enumerate(
                ((row.visitor, "home", body), (f"{row.visitor}-asks", "", asked))
            )
        ]  # fmt: skip
    await services.store.log_decisions(records)


def slowly(rows: list[Row], begin: int, end: int) -> Visitors:
    """Count in the plainest way."""
    by_visitor: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda each: each.at):
        by_visitor[row.visitor].append(row)
    total: dict[str, Any] = defaultdict(int)
    known: dict[str, int] = defaultdict(int)
    reached: dict[str, int] = defaultdict(int)
    for visits in by_visitor.values():
        today = [row for row in visits if begin <= row.at < end]
        for earlier, row in itertools.pairwise(visits):
            before = [each for each in visits if each.at < row.at and each.industry]
            if row in today and row.at - earlier.at >= 30 * MINUTE and before:
                total["returning"] += 1
                total["retained"] += row.industry is not None
        if not today:
            continue
        total["all"] += 1
        reasons = {reason for row in today for _, _, reason in row.decisions}
        # Held out of a block is not held out of the site, though the reason is the same.
        held = any(row.held for row in today)
        refused = bool(reasons & {"no_consent", "disabled"})
        total["held"] += held
        total["refused"] += refused and not held
        if held or refused:
            continue
        sessions: list[list[Row]] = []
        for row in today:
            if not sessions or row.at - sessions[-1][-1].at >= 30 * MINUTE:
                sessions.append([])
            sessions[-1].append(row)
        personal = [any(map(personalized, session)) for session in sessions]
        total["eligible"] += 1
        total["personalized"] += any(personal)
        total["sessions"] += len(sessions)
        total["sessions_personalized"] += sum(personal)
        industry = next((row.industry for row in reversed(today) if row.industry), None)
        if industry:
            known[industry] += 1
            reached[industry] += any(personal)
    return Visitors(known=dict(known), reached=dict(reached), **total)


def personalized(row: Row) -> bool:
    return any(
        reason in ("targeted", "learned") or (reason == "arm" and variant != "default")
        for _, variant, reason in row.decisions
    )


def some_rows(seed: int) -> list[Row]:
    chance = random.Random(seed)
    rows = []
    for number in range(60):
        held, industry = chance.random() < 0.1, chance.choice([None, "SaaS", "Education"])
        refuses = chance.random() < 0.1
        for _ in range(chance.randint(1, 8)):
            at = BEGIN - DAY + chance.randint(0, 3 * DAY) + number
            reason = (
                "holdout"
                if held
                else "no_consent"
                if refuses
                else chance.choice(
                    ["targeted", "no_match", "arm", "unknown_visitor", "error", "holdout"]
                )
            )
            variant = "x" if reason == "targeted" or chance.random() < 0.5 else "default"
            forgets = chance.random() < 0.2
            decisions = [("hero", variant, reason), ("cta", "default", "no_match")]
            rows.append(Row(f"a:{number}", at, None if forgets else industry, held, decisions))
    return rows


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("sealed", [False, True])
async def test_a_day_is_what_a_slow_count_says(services: Services, seed: int, sealed: bool) -> None:
    rows = some_rows(seed)
    await log(services, rows)
    if sealed:
        await services.warehouse.seal(keep=20, segment_rows=50)
    for day in range(3):
        begin, end = bounds(day_of(BEGIN + day * DAY, UTC), UTC)
        found = await visitors_of_day(services, current_plan(services), begin, end)
        expected = slowly(rows, begin, end)
        assert found == expected
        assert found.eligible + found.held + found.refused == found.all


async def test_a_finished_day_is_counted_once_and_judged(services: Services, place: Place) -> None:
    """Nine days of visitors who said their industry and get default content."""
    await look(services)
    confirmed = 0
    for day in range(9):
        wrong = [("home-hero", "default", "no_match")]
        who = [Row(f"a:{day}-{n}", place.now + n, "SaaS", False, wrong) for n in range(24)]
        await log(services, who)
        place.later(DAY)
        status = await look(services)
        again = await look(services)
        assert (
            of(again, "personalization-rate").finding == of(status, "personalization-rate").finding
        )
        if of(status, "personalization-rate").state is ObjectiveState.CONFIRMED:
            confirmed = day + 1
            break
        assert of(status, "personalization-rate").state in (
            ObjectiveState.WATCH, ObjectiveState.UNKNOWN
        )  # fmt: skip
    assert 1 <= confirmed <= 3
    days = await load_days(services.store)
    whole = [day for day, kept in days.items() if kept.whole]
    assert len(whole) == confirmed
    assert days[whole[-1]].counts.visitors.known == {"SaaS": 24}
    assert of(status, "personalization-rate").subjects[0].subject == "SaaS"
    assert status.criteria[0].verdict.value == "missed"


async def test_days_that_nobody_looked_at_are_counted_later(
    services: Services, place: Place
) -> None:
    await look(services)
    right = [("home-hero", "x", "targeted")]
    for day in range(6):
        await log(services, [Row(f"a:{day}", place.now + day * DAY, "SaaS", False, right)])
    place.later(6 * DAY)
    for _ in range(4):
        await look(services)
        place.later(HOUR)
    days = await load_days(services.store)
    assert [day for day, kept in sorted(days.items()) if kept.whole] == [
        back(day_of(BEGIN + 6 * DAY, UTC), n) for n in (6, 5, 4, 3, 2, 1)
    ]
    assert sum(kept.counts.visitors.personalized for kept in days.values()) == 6


def test_a_day_begins_where_the_site_is() -> None:
    vienna = ZoneInfo("Europe/Vienna")
    begin, end = bounds("2026-03-29", vienna)
    assert end - begin == 23 * HOUR
    assert day_of(begin, vienna) == "2026-03-29"
    assert day_of(begin - 1, vienna) == "2026-03-28"
