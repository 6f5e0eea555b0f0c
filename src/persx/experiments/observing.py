"""Observing: the answers of the live queries as groups of visitors with their metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from persx.experiments.groups import Group
from persx.experiments.measures import Measures
from persx.experiments.plan import Observed
from persx.model.clock import Millis
from persx.model.counting import counted
from persx.model.workspace import Goal
from persx.storage.ports import Rows

MAX_SEGMENT_VALUES: Final = 50
"""Segments beyond the largest so many of an attribute are left out, and that is said."""

Key = tuple[int, str, str, str]


def observed(
    measures: Measures,
    goals: Sequence[Goal],
    *,
    about: Rows,
    groups: Rows,
    as_of: Millis,
    epoch: int,
    refused: Mapping[str, str] = {},
) -> Observed:
    """Read the answers of the live queries.

    Args:
        about: Answer of ``live_units``.
        groups: Answer of ``live_groups``.
        refused: Goals whose values cannot be added up, and why.
    """
    strange, bots, first_exposure, snapshot, _ = about.rows[0]
    found: dict[Key, Group] = {}
    contaminated, withdrawn = 0, dict[str, int]()
    extra = {kind: dict.fromkeys(places, 0) for kind, places in measures.extra.items()}
    came = dict.fromkeys((each.goal for each in measures.all), False)
    for epoch_found, arm, attribute, segment, n, two_arms, denied, *numbers in groups.rows:
        key = int(epoch_found), str(arm), str(attribute), str(segment)
        found[key] = Group(
            arm=key[1],
            n=int(n),
            metrics={
                recipe.metric.name: measures.moments(recipe, int(n), numbers)
                for recipe in measures.recipes
            },
            epoch=key[0],
            attribute=key[2],
            segment=key[3],
        )
        if not attribute:
            contaminated += int(two_arms)
            withdrawn[key[1]] = withdrawn.get(key[1], 0) + int(denied)
            sums = numbers[len(measures.waits) :]
            for kind, places in measures.extra.items():
                for goal, place in places.items():
                    extra[kind][goal] += int(sums[place])
            for place, each in enumerate(measures.all):
                came[each.goal] |= bool(sums[place])
    unpriced = extra["unpriced"]
    notes = _of_values(goals, extra)
    if any(group.n for group in found.values()):
        notes += [
            f"No visitor who entered sent '{goal.event}', the event of goal '{goal.name}': has it "
            "this name?"
            for goal in goals
            if not came.get(goal.name)
        ]
    if strange:
        notes.append(
            f"{counted(int(strange), 'exposure')} of an arm that the experiment does not have."
        )
    if bots:
        notes.append(
            f"{counted(int(bots), 'device')} that went through pages faster than people do: left "
            "out as bots."
        )
    if not measures.recipes:
        notes.append("The workspace declares no goals, so there is nothing to compare.")
    refusals = dict(refused) | {
        goal: f"{counted(int(count), 'event')} in a currency of unknown worth on that day."
        for goal, count in unpriced.items()
        if count
    }
    kept, cut = _largest_segments({key: group.n for key, group in found.items()})
    return Observed(
        groups=[found[key] for key in kept],
        as_of=as_of,
        contaminated=contaminated,
        withdrawn=withdrawn,
        first_exposure=None if first_exposure is None else int(first_exposure),
        snapshot=None if snapshot is None else int(snapshot),
        epoch=epoch,
        refused=_refused(measures, refusals, came) if found else {},
        notes=[*notes, *cut],
    )


def _refused(
    measures: Measures, refusals: Mapping[str, str], came: Mapping[str, bool]
) -> dict[str, str]:
    """Return the metrics of which nothing can be said, and why.

    Args:
        refusals: Goals whose values cannot be added up, and why.
        came: Whether somebody sent a goal's event.
    """
    found = {}
    for recipe in measures.recipes:
        numbers = [measures.all[each] for each in recipe.numbers]
        summed = [each.goal for each in numbers if each.taken == "sum" and each.goal in refusals]
        if summed:
            found[recipe.metric.name] = refusals[summed[0]]
        elif recipe.complement and not came[numbers[0].goal]:
            found[recipe.metric.name] = (
                f"Nobody sent an event of '{numbers[0].goal}': that is no sign of what it counts."
            )
    return found


def _of_values(goals: Sequence[Goal], extra: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return what is to be said of goals' values: those that are missing, and refunds."""
    found = []
    for goal in goals:
        missing = extra["missing"].get(goal.name, 0) - extra["unpriced"].get(goal.name, 0)
        if missing > 0:
            found.append(
                f"{counted(missing, 'event')} of goal '{goal.name}' without a number in "
                f"'{goal.value}': nothing is added."
            )
        if negative := extra["negative"].get(goal.name, 0):
            found.append(
                f"{counted(negative, 'event')} of goal '{goal.name}' with a negative "
                f"'{goal.value}', such as a refund: they are subtracted."
            )
    return found


def mixed_currencies(money: Rows) -> dict[str, str]:
    """Return the goals whose values are in several currencies, and what is to be done.

    Args:
        money: Answer of ``live_money``; an event that names no currency is one of its own.
    """
    found: dict[str, list[str]] = {}
    for goal, currency, _ in money.rows:
        found.setdefault(str(goal), []).append(str(currency) or "none named")
    return {
        goal: f"Values in several currencies ({', '.join(names[:5])}) do not add up: name the "
        "workspace's currency in settings.yaml, and what others are worth in currencies.yaml."
        for goal, names in found.items()
        if len(names) > 1
    }


def _largest_segments(n: Mapping[Key, int]) -> tuple[list[Key], list[str]]:
    """Order segments by attribute and name, keep the largest of each attribute, and say so."""
    sizes: dict[str, dict[str, int]] = {}
    for (_, _, attribute, segment), count in n.items():
        values = sizes.setdefault(attribute, {})
        values[segment] = values.get(segment, 0) + count
    notes = []
    for attribute, values in sizes.items():
        if len(values) > MAX_SEGMENT_VALUES:
            notes.append(
                f"'{attribute}' has {len(values):,} values; "
                f"the {MAX_SEGMENT_VALUES} most frequent are shown."
            )
            frequent = sorted((-count, value) for value, count in values.items())
            sizes[attribute] = {value: -count for count, value in frequent[:MAX_SEGMENT_VALUES]}
    kept = [key for key in n if key[3] in sizes[key[2]]]

    def place(key: Key) -> tuple[str, float, str, int, str]:
        epoch, arm, attribute, segment = key
        return attribute, math.inf if segment.startswith("(") else 0, segment, epoch, arm

    return sorted(kept, key=place), notes
