"""Guesses about who said nothing: right where visits tell, and off where they do not.

What visitors declare is guessed for those who do not, from what their visits leave, and only by a
model that beats the base rate on visitors who came later. Four crowds go through the whole of
persx: events are collected and folded, a model is trained, calibrated and tested on the fifth
that declared last, and it is used or stays off. Two crowds are simulated: there the truth is known
of those too who never declare. The third are the households of the Complete Journey, which its
publisher simulated from real ones: two of three declare nothing, and whether there are children is
to be guessed from the baskets. The last are the real customers of Online Retail, of whom every
second is taken for one who does not say where they are; postage is left out, it would tell.

The claim that is checked: no model is used that does not beat the base rate with its whole 95%
interval and an expected calibration error of at most .05. Among the simulated crowds one is used
where visits tell, and none where they do not.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from persx.app.background import background
from persx.app.collecting import collect
from persx.app.deciding import current_plan
from persx.app.home import open_home
from persx.app.predicting import train_model
from persx.app.predictions import PredictRequest, TrainResult
from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.app.simulating import Crowd, Habit, Simulated, habits_of, simulated
from persx.app.visiting import Visitor, known_of
from persx.model.clock import DAY
from persx.model.event import Event, EventType
from persx.visitors.prediction.figures import LARGEST_ECE, wilson

JOURNEY = "purchases/complete_journey"
RETAIL = "purchases/online_retail.parquet"
SKIPPED = 77
NEWEST = 1_795_773_600_000
INDUSTRIES = ("eCommerce", "SaaS", "Healthcare", "Financial Services", "Education")
BASKETS = 10
"""Of the Complete Journey, a household says after so many whether it has children."""


def workspace(of: str, values: Sequence[str], traces: str, visitors: int) -> dict[str, str]:
    """Return a workspace that guesses one attribute."""
    listed = "\n".join(f"  - {value}" for value in values)
    return {
        "settings.yaml": "{name: Proof, holdout: {share: 0}}",
        "attributes.yaml": f"{of}:\n  type: string\n  values:\n{_indented(listed)}\n"
        f"likely:\n  type: string\n  source: predicted\n"
        f"  predict: {{of: {of}, visitors: {visitors}, confidence: 0.8, traces: [{traces}]}}\n",
    }


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


async def trained(services: Services, site: dict[str, str], events: Sequence[Event]) -> TrainResult:
    """Let visitors come, and train."""
    base = {path: file.digest for path, file in (await services.store.drafts()).items()}
    await push(services, PushRequest(files=site, base=base, author="proof"))
    await publish(services, PublishRequest(author="proof", message=""))
    await services.refresh()
    async with background(services):
        for start in range(0, len(events), 5_000):
            await collect(services, events[start : start + 5_000])
        return await train_model(services, PredictRequest())


def lines(title: str, result: TrainResult) -> Iterator[str]:
    """Return what a training came to as Markdown."""
    told, found = result.model.training, result.model.training.figures
    yield f"\n## {title}\n"
    left_out = sum(told.left_out.values())
    yield f"- {told.declared:,} declared, {told.others:,} did not, {left_out:,} were left out"
    split = f"{told.trained:,} / {told.calibrated:,} / {found.visitors:,}"
    yield f"- trained / calibrated / tested, in the order of time: {split}"
    values = ", ".join(f"{value} {count:,}" for value, count in sorted(told.values.items()))
    yield f"- {values}"
    yield f"- method {told.method}, {told.traces:,} traces, {told.rare:,} too rare to be read"
    yield (
        f"- log loss **{found.loss:.4f}**, of the base rate {found.base_loss:.4f}: difference "
        f"{found.difference:+.4f}, 95% interval {found.low:+.4f} to {found.high:+.4f}"
    )
    yield (
        f"- expected calibration error **{found.ece:.4f}** ({len(found.bins)} bins of equal size; "
        f"{found.ece_by_chance:.4f} by chance alone)"
    )
    yield (
        f"- {found.used:,} guesses reach {found.confidence:g} ({found.coverage:.1%}), of which "
        f"{found.accuracy:.1%} are right ({found.right_low:.1%} to {found.right_high:.1%})"
    )
    yield f"- **{'used' if result.activated else 'stays off'}**"
    yield from (f"  - {objection}" for objection in told.objections)
    yield "\n| probability | visitors | right |\n| ---: | ---: | ---: |"
    for each in found.bins:
        yield f"| {each.confidence:.3f} | {each.visitors:,} | {each.accuracy:.3f} |"


def check(result: TrainResult) -> None:
    """Fail where a model is used that must not be."""
    found = result.model.training.figures
    passes = found.high < 0 and found.ece <= LARGEST_ECE and found.used > 0
    if result.activated and not passes:
        raise AssertionError(f"{result.name} is used with {found}.")


async def simulated_visitors(habits: tuple[Habit, ...], interest: float) -> tuple[TrainResult, str]:
    """Train on simulated visitors; tell how right the guesses are for those who never declare."""
    crowd = Crowd(
        habits=habits, visitors=10_000, start=NEWEST - 100 * DAY, days=90, interest=interest
    )
    visitors = list(simulated(crowd))
    site = workspace("industry", INDUSTRIES, "pages, referrer, device", 500)
    async with open_home(None, _settings(), clock=lambda: NEWEST) as services:
        result = await trained(services, site, _mixed(visitors))
        if not result.activated:
            return result, ""
        plan = current_plan(services)
        guessed = right = silent = 0
        for each in visitors:
            if each.declares:
                continue
            silent += 1
            profile = await known_of(
                services, plan, Visitor(anonymous_id=each.anonymous_id, trusted=True)
            )
            guess = profile.guesses.get("likely")
            guessed += guess is not None
            right += guess is not None and guess.value == each.value
    low, high = wilson(right, guessed)
    return result, (
        f"\nOf {silent:,} simulated visitors who never declare, {guessed:,} "
        f"({guessed / silent:.1%}) are guessed, {right / guessed:.1%} of them rightly "
        f"({low:.1%} to {high:.1%})."
    )


def _mixed(visitors: Sequence[Simulated]) -> list[Event]:
    events = [event for visitor in visitors for event in visitor.events]
    return sorted(events, key=lambda event: (event.timestamp, event.message_id))


def _settings() -> ServerSettings:
    return ServerSettings(store="memory")


def _event(visitor: str, nth: str, type: EventType, at: int, **fields: Any) -> Event:
    return Event(
        type=type, message_id=f"{visitor}:{nth}", anonymous_id=visitor, timestamp=at,
        received=at, **fields,
    )  # fmt: skip


def _order(visitor: str, number: int, at: int, categories: Sequence[str]) -> Event:
    products = [{"category": each} for each in categories]
    return _event(
        visitor, str(number), EventType.TRACK, at, name="Order Completed",
        properties={"products": products},
    )  # fmt: skip


async def households(folder: Path) -> TrainResult:
    """Train on the Complete Journey: are there children, from the first baskets."""
    rows = duckdb.execute(
        """
        WITH baskets AS (
            SELECT household_id, basket_id, epoch_ms(min(transaction_timestamp)) AS moment,
                list(DISTINCT product_category ORDER BY product_category)
                    FILTER (WHERE product_category IS NOT NULL) AS categories,
                row_number() OVER (PARTITION BY household_id
                    ORDER BY min(transaction_timestamp), basket_id) AS nth
            FROM read_parquet($transactions) JOIN read_parquet($products) USING (product_id)
            GROUP BY household_id, basket_id
        )
        SELECT household_id, nth, moment, categories, kids_count
        FROM baskets LEFT JOIN read_parquet($demographics) USING (household_id)
        WHERE nth <= $baskets ORDER BY moment, household_id, nth
        """,
        {
            "transactions": str(folder / "transactions.parquet"),
            "products": str(folder / "products.parquet"),
            "demographics": str(folder / "demographics.parquet"),
            "baskets": BASKETS,
        },
    ).fetchall()
    events = []
    for household, nth, at, categories, kids in rows:
        visitor = f"household-{household}"
        events.append(_order(visitor, nth, at, categories or ()))
        if kids is not None and nth == BASKETS:
            said = {"children": "no" if kids == "0" else "yes"}
            events.append(_event(visitor, "said", EventType.IDENTIFY, at + 1, traits=said))
    site = workspace("children", ['"no"', '"yes"'], "categories", 500)
    async with open_home(None, _settings(), clock=lambda: NEWEST) as services:
        return await trained(services, site, events)


async def customers(file: Path) -> TrainResult:
    """Train on Online Retail: where customers are, from what they buy first."""
    rows = duckdb.execute(
        """
        WITH lines AS (
            SELECT CAST(CustomerID AS BIGINT) AS customer, InvoiceDate AS said, Country, Description
            FROM read_parquet($file)
            WHERE CustomerID IS NOT NULL AND Quantity > 0 AND UnitPrice > 0
                AND NOT regexp_matches(upper(Description), 'POSTAGE|CARRIAGE|MANUAL|DISCOUNT')
        ), firsts AS (
            SELECT customer, min(said) AS said FROM lines GROUP BY customer
        )
        SELECT customer, epoch_ms(said::TIMESTAMP) AS moment, min(Country),
            list(DISTINCT Description ORDER BY Description)
        FROM lines JOIN firsts USING (customer, said)
        GROUP BY customer, moment ORDER BY moment, customer
        """,
        {"file": str(file)},
    ).fetchall()
    events = []
    for customer, at, country, products in rows:
        visitor = f"customer-{customer}"
        events.append(_order(visitor, 1, at, products))
        if customer % 2:
            said = {"country": "United Kingdom" if country == "United Kingdom" else "elsewhere"}
            events.append(_event(visitor, "said", EventType.IDENTIFY, at + 1, traits=said))
    site = workspace("country", ["United Kingdom", "elsewhere"], "categories", 500)
    async with open_home(None, _settings(), clock=lambda: NEWEST) as services:
        return await trained(services, site, events)


def main() -> int:
    """Print the proof, or say what is missing and stop."""
    data = Path(os.environ.get("PERSX_DATA") or "/nowhere")
    journey, retail = data / JOURNEY, data / RETAIL
    if not journey.is_dir() or not retail.is_file():
        print("Purchases are not in the folder that PERSX_DATA names: nothing was proved.")
        return SKIPPED
    duckdb.execute("SET enable_progress_bar = false")
    found, for_silent = asyncio.run(simulated_visitors(habits_of(INDUSTRIES), 0.35))
    alike = tuple(Habit(value=each, share=1, pages=("/",)) for each in INDUSTRIES)
    dull, _ = asyncio.run(simulated_visitors(alike, 0))
    for title, result, more in (
        ("Simulated visitors of a site with five industries", found, for_silent),
        ("Simulated visitors who all read the same", dull, ""),
        ("Households of the Complete Journey: children, from ten baskets",
         asyncio.run(households(journey)), ""),
        ("Customers of Online Retail: where they are, from the first order",
         asyncio.run(customers(retail)), ""),
    ):  # fmt: skip
        check(result)
        for line in lines(title, result):
            print(line)
        if more:
            print(more)
    if dull.activated:
        raise AssertionError("Something is guessed where visits tell nothing.")
    if not found.activated:
        raise AssertionError("Nothing is guessed where visits tell.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
