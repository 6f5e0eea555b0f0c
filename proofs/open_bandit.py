"""What another policy would have brought: errors, coverage and refusals on a real log.

Open Bandit (Saito et al. 2020) are two policies that recommended clothes side by side for a week:
one at random, one by Thompson sampling, each with the true probability of what it showed. What a
policy brought is estimated from the other's log, by three estimators, and compared with what it
brought itself. So few clicked that its own rate is uncertain too. Therefore errors and coverage
are measured on logs that are drawn anew, 1,000 times: positions, items and policies are those of
the real logs, clicks are drawn with rates that are shrunken means of both logs, and what is true
is known.

The claims that are checked: in every drawn setting in which estimates are made, each estimator's
95% interval covers the truth at least 93% of the time; and a policy of which a log holds fewer
than 30 effective visitors, or fewer than 5 expected rewards, is refused, not estimated.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from persx.experiments.off_policy import ESTIMATORS, Evaluation, Logged, evaluate
from persx.experiments.off_policy.rewards import predicted_rewards
from persx.visitors.prediction.figures import wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FOLDER = "bandits/obd"
CAMPAIGNS = ("all", "men")
REPEATS = 1_000
LEAST_COVERAGE = 0.93
FEWEST = 100
"""Drawn logs that are estimated from, for a coverage to be told."""

SKIPPED = 77


class Log(NamedTuple):
    """A real log: items and positions from 0 on."""

    item: Ints
    position: Ints
    propensity: Floats
    click: Floats


def read(folder: Path, policy: str, campaign: str) -> Log:
    """Read one file."""
    rows = duckdb.execute(
        "SELECT item_id, position - 1 AS position, propensity_score, click "
        "FROM read_csv($file) ORDER BY column00",
        {"file": str(folder / policy / campaign / f"{campaign}.csv")},
    ).fetchnumpy()
    return Log(
        rows["item_id"].astype(np.int64),
        rows["position"].astype(np.int64),
        rows["propensity_score"].astype(np.float64),
        rows["click"].astype(np.float64),
    )


def shown_as(log: Log, items: int) -> Floats:
    """Return how often a log shows each item at each position: ``[positions, items]``."""
    counts = np.bincount(log.position * items + log.item, minlength=3 * items)
    table = counts.reshape(3, items).astype(np.float64)
    found: Floats = table / table.sum(axis=1, keepdims=True)
    return found


def click_rates(logs: tuple[Log, ...], items: int) -> Floats:
    """Return shrunken click rates by position and item, from all logs together."""
    clicks, seen = np.zeros((3, items)), np.zeros((3, items))
    for log in logs:
        place = log.position * items + log.item
        clicks += np.bincount(place, weights=log.click, minlength=3 * items).reshape(3, items)
        seen += np.bincount(place, minlength=3 * items).reshape(3, items)
    by_item = (clicks.sum(axis=0) + 200 * clicks.sum() / seen.sum()) / (seen.sum(axis=0) + 200)
    found: Floats = (clicks + 200 * by_item) / (seen + 200)
    return found


def judged(log: Log, policy: Floats) -> Evaluation:
    """Evaluate a policy ``[positions, items]`` from a log."""
    visitors, items = len(log.item), policy.shape[1]
    model = predicted_rewards(
        log.click, log.item, log.position, np.arange(visitors) % 2, actions=items
    )
    here = np.arange(visitors)
    return evaluate(
        Logged(
            reward=log.click,
            propensity=log.propensity,
            target=policy[log.position, log.item],
            predicted=model[here, log.item],
            expected=(model * policy[log.position]).sum(axis=1),
        )
    )


def real(campaign: str, logs: dict[str, Log], items: int) -> Iterator[str]:
    """Compare estimates from one policy's log with what the other brought itself."""
    even = np.full((3, items), 1 / items)
    policies = {"random": even, "bts": shown_as(logs["bts"], items)}
    for source, target in (("bts", "random"), ("random", "bts")):
        log, own = logs[source], logs[target]
        clicks = int(own.click.sum())
        low, high = wilson(clicks, len(own.click))
        found = judged(log, policies[target])
        yield (
            f"| {campaign} | {target}, itself | {len(own.click):,} | {clicks} clicks | "
            f"{clicks / len(own.click):.5f} | {low:.5f} to {high:.5f} | |"
        )
        for name, estimate in found.estimates.items():
            error = estimate.value / own.click.mean() - 1
            yield (
                f"| {campaign} | {target} from {source}: {name} | {found.n:,} | "
                f"{found.effective:,.0f} effective | {estimate.value:.5f} | {estimate.low:.5f} to "
                f"{estimate.high:.5f} | {error:+.0%} |"
            )
        if found.refused:
            yield (
                f"| {campaign} | {target} from {source} | {found.n:,} | "
                f"{found.effective:,.0f} effective | refused | {found.refused} | |"
            )


def refusals(campaign: str, logs: dict[str, Log], items: int) -> Iterator[str]:
    """Ask for each item alone, always: most logs cannot tell."""
    for source, log in logs.items():
        refused = 0
        sizes, largest = [], 0.0
        for item in range(items):
            always = np.zeros((3, items))
            always[:, item] = 1.0
            found = judged(log, always)
            refused += bool(found.refused)
            sizes.append(found.effective)
            largest = max(largest, found.largest_weight)
            if found.effective < 30 and not found.refused:
                raise AssertionError(f"{campaign}: item {item} is estimated from {source}.")
        yield (
            f"| {campaign} | {source} | {items} | {refused} | {np.median(sizes):,.1f} | "
            f"{min(sizes):,.1f} | {largest:,.0f} |"
        )


def drawn(
    rates: Floats, logging: Floats, target: Floats, positions: Ints, random: np.random.Generator
) -> tuple[float, list[Evaluation]]:
    """Draw logs and evaluate a policy from each; return what is true, too."""
    truth = float((rates * target).sum(axis=1)[positions].mean())
    ends = logging.cumsum(axis=1)
    found = []
    for _ in range(REPEATS):
        point = random.random(len(positions))
        item = np.minimum((ends[positions] < point[:, None]).sum(axis=1), logging.shape[1] - 1)
        click = (random.random(len(positions)) < rates[positions, item]).astype(np.float64)
        log = Log(item.astype(np.int64), positions, logging[positions, item], click)
        found.append(judged(log, target))
    return truth, found


def simulated(campaign: str, logs: dict[str, Log], items: int) -> Iterator[str]:
    """Measure errors and coverage on logs whose truth is known."""
    rates = click_rates(tuple(logs.values()), items)
    even, bts = np.full((3, items), 1 / items), shown_as(logs["bts"], items)
    # Its smallest shares are noise of the log; a policy with a minimum of exploration is drawn.
    bts = 0.9 * bts + 0.1 * even
    better = 0.9 * _best(rates) + 0.1 * even
    random = np.random.default_rng(20200817)
    positions = logs["bts"].position
    for label, logging, target in (
        ("bts from random", even, bts),
        ("random from bts", bts, even),
        ("the best items from bts", bts, better),
        ("the best items from random", even, better),
    ):
        truth, found = drawn(rates, logging, target, positions, random)
        told = [each for each in found if not each.refused]
        effective = float(np.median([each.effective for each in found]))
        if len(told) < FEWEST:
            refused = f"| | | | | | {1 - len(told) / len(found):.1%} |"
            yield f"| {campaign} | {label} | any | {truth:.5f} | {effective:,.0f} {refused}"
            continue
        for name in ESTIMATORS:
            estimates = [each.estimates[name] for each in told]
            values = np.array([each.value for each in estimates])
            covers = np.array(
                [(each.low or 0.0) <= truth <= (each.high or 0.0) for each in estimates]
            )
            below = float(np.mean([(each.high or 0.0) < truth for each in estimates]))
            wide = float(np.median([(each.high or 0.0) - (each.low or 0.0) for each in estimates]))
            if covers.mean() < LEAST_COVERAGE:
                raise AssertionError(f"{campaign}, {label}, {name}: {covers.mean():.1%} covered.")
            yield (
                f"| {campaign} | {label} | {name} | {truth:.5f} | {effective:,.0f} | "
                f"{values.mean() / truth - 1:+.1%} | "
                f"{np.sqrt(np.mean((values - truth) ** 2)) / truth:.1%} | {covers.mean():.1%} | "
                f"{below:.1%} | {wide / truth:.0%} | {1 - len(told) / len(found):.1%} |"
            )


def _best(rates: Floats) -> Floats:
    """Return the policy that shows the three items with the highest rates."""
    found = np.zeros_like(rates)
    for position, row in enumerate(rates):
        found[position, np.argsort(-row)[:3]] = 1 / 3
    return found


def main() -> int:
    """Print the proof, or say what is missing and stop."""
    data = os.environ.get("PERSX_DATA")
    folder = Path(data or "") / FOLDER
    if not data or not folder.is_dir():
        print(f"{FOLDER} is not in the folder that PERSX_DATA names: nothing was proved.")
        return SKIPPED
    duckdb.execute("SET enable_progress_bar = false")
    logs = {
        campaign: {policy: read(folder, policy, campaign) for policy in ("bts", "random")}
        for campaign in CAMPAIGNS
    }
    items = {
        campaign: int(max(log.item.max() for log in found.values())) + 1
        for campaign, found in logs.items()
    }
    print("## From the other policy's log\n")
    print("The probabilities of bts are how often it showed what: its log tells only those of what")
    print("was shown, and they moved. Errors are against what the policy brought itself.\n")
    print("| campaign | policy | visitors | | clicks a visitor | 95% interval | error |")
    print("| --- | --- | ---: | ---: | ---: | --- | ---: |")
    for campaign in CAMPAIGNS:
        for line in real(campaign, logs[campaign], items[campaign]):
            print(line)
    print("\n## Refusals\n")
    print("One item alone, always, is asked of each log. Effective sizes are those of the items.\n")
    print("| campaign | log | asked | refused | median size | least size | largest weight |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for campaign in CAMPAIGNS:
        for line in refusals(campaign, logs[campaign], items[campaign]):
            print(line)
    print(f"\n## Errors and coverage over {REPEATS:,} drawn logs\n")
    print("Errors and widths are relative to the truth; “too low” are intervals below it.\n")
    print(
        "| campaign | policy | estimator | truth | effective | bias | RMSE | covered | too low | "
        "width | refused |"
    )
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for campaign in CAMPAIGNS:
        for line in simulated(campaign, logs[campaign], items[campaign]):
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
