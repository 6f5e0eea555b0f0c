"""Alarms in simulated runs: a variant is broken on purpose half way, or nothing is."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import Final, NamedTuple

import msgspec

from persx.app.deciding import current_plan
from persx.app.health_record import load_record
from persx.app.services import Services
from persx.app.simulated_server import STEPS
from persx.health.counts import Counts
from persx.health.indicator import Known
from persx.health.indicators import INDICATORS
from persx.health.indicators.decisions import subject
from persx.model.clock import DAY, HOUR, Millis
from persx.model.health import Measure
from persx.model.simulation import Alarm, Break, Simulated, Simulation
from persx.storage.scope import System
from proofs.simulation_tools import INDUSTRIES, effects, row, simulated

RUNS: Final = 8
VISITORS: Final = 1_200
DAYS: Final = 14
DAY_OF_BREAK: Final = 7
MOST_DECISIONS: Final = 200
BLOCK, VARIANT, INDUSTRY = "hero", "saas", "SaaS"
OBJECTIVES: Final = {
    "content-works": Measure.VARIANT_FAILURES,
    "industries-served": Measure.INDUSTRY_FALLBACKS,
}


class Confirmed(NamedTuple):
    """When a break was confirmed: after how long, and after how many decisions that count."""

    millis: Millis
    decisions: int


class Log(NamedTuple):
    """Decisions of the block for the industry: when, and why."""

    lines: list[tuple[Millis, str]]

    def reasons(self, since: Millis, until: Millis) -> Counter[str]:
        """Return how often each reason was given in [since, until)."""
        return Counter(reason for at, reason in self.lines if since <= at < until)


async def decided(services: Services) -> Log:
    """Read the decision log."""
    answer = await services.warehouse.seen_by(System("a proof")).query(
        'SELECT "at", body FROM decisions ORDER BY "at"'
    )
    found = []
    for at, body in answer.rows:
        told = msgspec.json.decode(body)
        if told["attributes"].get("industry") == INDUSTRY:
            found += [(int(at), each[2]) for each in told["decisions"] if each[0] == BLOCK]
    return Log(found)


def eligible(known: Known, measure: Measure, reasons: Counter[str]) -> int:
    """Return how many of these decisions an objective counts, as it says itself."""
    counts = Counts(decisions={(BLOCK, INDUSTRY, name): n for name, n in reasons.items()})
    ratio = INDICATORS[measure.value].read(counts, known).get(subject(BLOCK, INDUSTRY))
    return ratio.denominator if ratio else 0


async def run(seed: int, *, broken: bool) -> tuple[Known, Simulated, Log]:
    """Simulate once; return what objectives are judged by, what was simulated, and the log."""
    asked = Simulation(
        visitors=VISITORS,
        days=DAYS,
        seed=seed,
        cleared=0.0,
        effects=effects(dict.fromkeys(INDUSTRIES, 2.0)),
        breaks=(Break(block=BLOCK, variant=VARIANT, day=DAY_OF_BREAK),) if broken else (),
    )
    async with simulated(asked) as (services, done):
        known = Known(
            now=services.clock(),
            workspace=current_plan(services).workspace,
            timeline=(await load_record(services.store))[1].timeline,
        )
        return known, done, await decided(services)


async def alarms() -> None:
    """Show that a variant that breaks is told from that day on, and confirmed soon."""
    confirmed: dict[str, list[Confirmed]] = {name: [] for name in OBJECTIVES}
    reasons: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    others: list[Alarm] = []
    looks = decisions = 0
    for seed in range(RUNS):
        known, done, log = await run(seed, broken=True)
        broke = done.start + DAY_OF_BREAK * DAY
        reasons[False] += log.reasons(done.start, broke)
        reasons[True] += log.reasons(broke, done.end)
        for alarm in done.alarms:
            expected = alarm.objective in OBJECTIVES and alarm.kind == "confirmed"
            if alarm.at < broke or alarm.subjects != (subject(BLOCK, INDUSTRY),) or not expected:
                raise AssertionError(f"Run {seed} tells of what is not so: {alarm}.")
            counted = eligible(known, OBJECTIVES[alarm.objective], log.reasons(broke, alarm.at))
            confirmed[alarm.objective].append(Confirmed(alarm.at - broke, counted))
        _, whole, log = await run(seed, broken=False)
        others += whole.alarms
        looks += DAYS * DAY // STEPS[0] + 1
        decisions += len(log.lines)
    print(
        f"\n## A variant that breaks on day {DAY_OF_BREAK} of {DAYS}: {RUNS} runs of "
        f"{VISITORS:,} visitors\n\n"
        "Decisions of its block for its industry, of all runs, by their reasons:\n"
    )
    names = sorted({*reasons[False], *reasons[True]})
    print(row("", *(f"`{name}`" for name in names)))
    print("| :--- |" + " ---: |" * len(names))
    for late, label in ((False, "before"), (True, "from then on")):
        print(row(label, *(f"{reasons[late][name]:,}" for name in names)))
    if reasons[False]["invalid"] or reasons[True]["targeted"] or not reasons[True]["invalid"]:
        raise AssertionError(f"The broken variant is not told: {reasons}.")
    print(
        "\nAlarms, CONFIRMED by the server, which looks every six hours of the simulated days; "
        "decisions are those since the break that the objective counts:\n"
    )
    print(row("objective", "confirmed in", "decisions, median", "most", "hours, median", "most"))
    print("| :--- |" + " ---: |" * 5)
    for name, found in confirmed.items():
        counts = [each.decisions for each in found]
        hours = [each.millis / HOUR for each in found]
        if len(found) != RUNS or max(counts) > MOST_DECISIONS:
            raise AssertionError(f"{name} is confirmed in {len(found)} runs, after {counts}.")
        print(
            row(
                f"`{name}`", f"**{len(found)} of {RUNS}**", f"{median(counts):g}", max(counts),
                f"{median(hours):.0f}", f"{max(hours):.0f}",
            )
        )  # fmt: skip
    print(
        f"\nThe same {RUNS} runs without a break: **{len(others)}** alarms in {looks:,} looks at "
        f"all objectives, with {decisions:,} decisions of this block for this industry alone."
    )
    if others:
        raise AssertionError(f"There are alarms where nothing is broken: {others}.")
