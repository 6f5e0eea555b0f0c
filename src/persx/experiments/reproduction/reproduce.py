"""Computes a readout anew from units.csv, and compares it with readout.json.

Written beside the data by `persx report NAME --export FOLDER`. With `lifts.py` beside it, it needs
Python and numpy, and shares no code with persx, so that one can be wrong without the other:

    python reproduce.py

It prints the largest difference of each comparison, and ends with 1 where one is above 1e-9.
README.md says what is computed anew and what is not.
"""

import csv
import hashlib
import json
import math
import sys
from array import array
from pathlib import Path

import numpy as np
from lifts import (
    NOTHING,
    adjusted,
    conversion_lift,
    count_effect,
    holm,
    log_effect,
    log_lift,
    pooled,
    split_p,
)

TOLERANCE = 1e-9
NUMBERS = ("epoch", "metric:", "per:", "before-")
ENDS = ("lift", "low", "high", "p")
NOBODY = np.zeros(0, dtype=int)


class Group:
    """Everyone, or a segment: places in the table by arm and epoch, and the figures of arms."""

    def __init__(self, rows, values, plan):
        self.rows, self.values, self.control = rows, values, plan["control"]
        self.alpha, self.always = 1 - plan["confidence"], plan["method"] == "always_valid"
        self.known = {}

    def n(self, arm, epoch=None):
        """Visitors of an arm, in an epoch or in all."""
        return sum(
            len(each)
            for (name, number), each in self.rows.items()
            if name == arm and epoch in (None, number)
        )

    def cells(self, metric, arm):
        """A metric's numbers in each epoch; cells are empty where a visitor's time is not over."""
        values = self.values[metric["name"]]
        epochs = sorted({epoch for _, epoch in self.rows})
        here = [values[:, self.rows.get((arm, epoch), NOBODY)] for epoch in epochs]
        return [each[:, ~np.isnan(each[0])] for each in here]

    def told(self, metric, arm, over):
        """What both arms tell: conversions and visitors by epoch, or an effect."""
        key = metric["name"], arm, over
        if key not in self.known:
            both = [self.cells(metric, each) for each in (arm, over)]
            strata = list(zip(*both, strict=True))
            if metric["kind"] == "conversion":
                self.known[key] = [
                    (int(a[0].sum()), a.shape[1], int(b[0].sum()), b.shape[1]) for a, b in strata
                ]
            else:
                self.known[key] = log_effect(strata, metric["kind"] == "ratio")
        return self.known[key]

    def lift(self, metric, arm, over, alpha):
        """Lift, interval and p of an arm over another one."""
        if metric["refused"]:
            return NOTHING
        compare = conversion_lift if metric["kind"] == "conversion" else log_lift
        return compare(self.told(metric, arm, over), alpha, self.always)

    def effect(self, metric, arm):
        """Log ratio to the control and its variance, for pooling; none where nothing is told."""
        if self.lift(metric, arm, self.control, self.alpha)[3] is None:
            return None
        told = self.told(metric, arm, self.control)
        return count_effect(told) if metric["kind"] == "conversion" else told[1:3]

    def sums(self, metric, arm):
        """Visitors who are looked at, their total, what it is divided by, and the rate."""
        if metric["refused"]:
            return {"total": None, "per": None, "rate": None}
        cells = self.cells(metric, arm)
        n, total = sum(each.shape[1] for each in cells), sum(float(each[0].sum()) for each in cells)
        per = None
        if metric["kind"] == "ratio":
            per = sum(float(each[1].sum()) for each in cells)
        below = n if per is None else per
        return {"n": n, "total": total, "per": per, "rate": total / below if below else None}

    def figures(self, metric, arm, over):
        """All that the readout says of a metric in an arm."""
        found = self.sums(metric, arm)
        lift = self.lift(metric, arm, over, self.alpha) if arm != over else NOTHING
        found |= dict(zip(ENDS, lift, strict=True))
        rate, guarded = self.sums(metric, over)["rate"], arm != over and not metric["refused"]
        found["difference"] = None
        if lift[0] is not None and rate is not None:
            ends = [None if each is None else each * rate for each in lift[:3]]
            found["difference"] = dict(zip(("value", "low", "high"), ends, strict=True))
        found["guard"] = guard(metric, *lift[1:]) if guarded else None
        return found


def guard(metric, low, high, p):
    """Whether a guardrail holds, of which a loss of its margin would be borne."""
    if metric["margin"] is None:
        return None
    if metric["better"] == "less":
        low, high = (None if each is None else -each for each in (high, low))
    if p is not None and high is not None and high < 0:
        return "harmed"
    safe = p is not None and low is not None and low > -metric["margin"]
    return "safe" if safe else "cannot be told yet"


def read(folder):
    """Return the readout, the plan, and the columns of units.csv; texts as numbers with names."""
    told = json.loads((folder / "readout.json").read_text(encoding="utf-8"))
    plan = json.loads((folder / "experiment.json").read_text(encoding="utf-8"))
    with (folder / "units.csv").open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != plan["units_sha256"]:
            sys.exit("units.csv is not the file that was exported: its SHA-256 differs.")
    with (folder / "units.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        head = next(rows)
        names = [None if each.startswith(NUMBERS) else {} for each in head]
        columns = [array("d") for _ in head]
        for row in rows:
            for column, known, cell in zip(columns[1:], names[1:], row[1:], strict=True):
                if known is None:
                    column.append(float(cell) if cell else math.nan)
                else:
                    column.append(known.setdefault(cell, len(known)))
    data = dict(zip(head, map(np.array, columns), strict=True))
    return told, plan, data, dict(zip(head, names, strict=True))


def groups(told, plan, data, names):
    """Return everyone, and the segments by attribute and value."""
    values = {
        metric["name"]: np.array(
            [
                data[column + metric["name"]]
                for column in ("metric:", "per:", "before-metric:", "before-per:")
                if column + metric["name"] in data
            ]
        )
        for metric in plan["metrics"]
    }
    rows = {
        (arm, int(epoch)): np.flatnonzero((data["arm"] == number) & (data["epoch"] == epoch))
        for arm, number in names["arm"].items()
        for epoch in np.unique(data["epoch"])
    }
    rows = {key: each for key, each in rows.items() if len(each)}
    segments = {}
    for attribute, readouts in told["segments"].items():
        column = "segment:" + attribute
        for value in readouts:
            number = names[column].get(value, -1)
            chosen = {key: each[data[column][each] == number] for key, each in rows.items()}
            chosen = {key: each for key, each in chosen.items() if len(each)}
            segments.setdefault(attribute, {})[value] = Group(chosen, values, plan)
    return Group(rows, values, plan), segments


def differences(told, plan, data, names):
    """Yield what was compared, and how far it is from what the readout says."""
    everyone, segments = groups(told, plan, data, names)
    control, metrics = plan["control"], plan["metrics"]
    arms = [control, *(arm for arm in plan["weights"] if arm != control)]

    def compared(label, group, readout, more):
        """Compare the arms of a group, and the PLI, with what the readout says."""
        for arm in arms:
            yield f"{label}, {arm}", "visitors", apart(group.n(arm), readout["arms"][arm]["n"])
            for metric in metrics:
                found = group.figures(metric, arm, control)
                found |= more.get((metric["name"], arm), {})
                expected = readout["arms"][arm]["metrics"][metric["name"]]
                yield f"{label}, {arm}", metric["name"], apart(found, expected)
        for expected in readout["pli"]:
            arm = expected["arm"]
            base, found = group.sums(metrics[0], control), group.figures(metrics[0], arm, control)
            found |= more.get((metrics[0]["name"], arm), {})
            if expected["withheld"]:
                found |= dict.fromkeys((*ENDS, "difference", "adjusted", "pooled"))
            found |= {f"control_{each}": base[each] for each in ("n", "total") if each in base}
            for each in ("per", "rate", "guard"):
                del found[each]
            yield f"{label}, {arm}", "PLI", apart(found, expected)

    yield from compared("everyone", everyone, told, {})
    splits = {}
    for attribute, values in segments.items():
        extra = {}
        for metric in metrics:
            extra |= of_segments(metric, values, arms[1:], plan)
        for value, group in values.items():
            label, readout = f"{attribute}={value}", told["segments"][attribute][value]
            more = {key[:2]: each for key, each in extra.items() if key[2] == value}
            yield from compared(label, group, readout, more)
            splits[attribute, value] = split_of(group, plan)
    corrected = holm(splits)
    for (attribute, value), p in splits.items():
        expected = told["segments"][attribute][value]["srm"]["p"]
        p = corrected.get((attribute, value), p)
        yield f"{attribute}={value}", "sample ratio", apart(p, expected)
    yield "everyone", "sample ratio", apart(split_of(everyone, plan), told["srm"]["p"])
    yield "everyone", "consent", apart(consent(everyone, told, arms), told["consent"]["p"])
    for layer in told["layers"]:
        for metric in metrics if not layer["withheld"] else ():
            found = everyone.figures(metric, layer["arm"], layer["over"])
            label = f"{layer['arm']} over {layer['over']}"
            yield label, metric["name"], apart(found, layer["metrics"][metric["name"]])
    for expected in told["best_single"]:
        if not expected["withheld"]:
            found = best_single(everyone, metrics[0], expected["arm"], expected["among"])
            yield f"{expected['arm']} over the best single content", "lift", apart(found, expected)


def of_segments(metric, values, arms, plan):
    """Return the adjusted and pooled figures of a metric by name, arm and value."""
    control, alpha = plan["control"], 1 - plan["confidence"]

    def compare(key, level):
        return values[key[0]].lift(metric, key[1], control, level)

    keys = [(value, arm) for value in values for arm in arms]
    told = adjusted(compare, {key: compare(key, alpha)[3] for key in keys}, alpha)
    found = {}
    for arm in arms:
        effects = {value: group.effect(metric, arm) for value, group in values.items()}
        together = pooled({k: each for k, each in effects.items() if each is not None}, alpha)
        for value in values:
            both = {"adjusted": told.get((value, arm)), "pooled": together.get(value)}
            found[metric["name"], arm, value] = both
    return found


def split_of(group, plan):
    """Return how well the visitors of the current epoch fit the planned weights."""
    counts = [group.n(arm, plan["epoch"]) for arm in plan["weights"]]
    return split_p(counts, list(plan["weights"].values()), group.always)


def consent(everyone, told, arms):
    """Return p of "all arms took consent back alike"; who did is taken from the readout."""
    counts = {arm: (told["consent"]["withdrawn"].get(arm, 0), everyone.n(arm)) for arm in arms}
    control = counts.pop(arms[0])
    lifts = [
        conversion_lift([(*each, *control)], 0.05, everyone.always) for each in counts.values()
    ]
    found = [p for *_, p in lifts if p is not None]
    return min(1.0, min(found) * len(found)) if found else None


def best_single(everyone, metric, arm, among):
    """Return the lift over the best of several arms, adjusted for their number (Bonferroni)."""
    number = len(among)
    lifts = {over: everyone.lift(metric, arm, over, everyone.alpha / number) for over in among}
    each = [[math.inf if end is None else end for end in lift] for lift in lifts.values()]
    best = min(range(number), key=lambda place: each[place][0])
    better = max(p if lift > 0 else 1.0 for lift, _, _, p in each)
    worse = min(p if lift < 0 else 1.0 for lift, _, _, p in each)
    high = min(high for _, _, high, _ in each)
    return {
        "best": among[best],
        "lift": lifts[among[best]][0],
        "low": min(low for _, low, _, _ in each),
        "high": None if math.isinf(high) else high,
        "p": min(1.0, number * min(better, worse)),
    }


def apart(computed, told):
    """Difference, relative to numbers above 1; infinite where one is there and the other not."""
    if isinstance(computed, dict) and isinstance(told, dict):
        return max(apart(each, told.get(key)) for key, each in computed.items())
    numbers = isinstance(computed, int | float) and isinstance(told, int | float)
    if not numbers:
        return 0.0 if computed == told else math.inf
    difference = abs(computed - told) / max(1.0, abs(told))
    return difference if difference <= math.inf else math.inf


def main():
    """Compare, and tell."""
    folder = Path(__file__).resolve().parent
    worst, compared = 0.0, 0
    for where, what, difference in differences(*read(folder)):
        compared += 1
        worst = max(worst, difference)
        mark = "" if difference <= TOLERANCE else "   <-- differs"
        print(f"{difference:9.2e}  {where}: {what}{mark}")
    print(f"\n{compared} comparisons, largest difference {worst:.2e}, allowed {TOLERANCE:.0e}.")
    sys.exit(0 if compared and worst <= TOLERANCE else 1)


if __name__ == "__main__":
    main()
