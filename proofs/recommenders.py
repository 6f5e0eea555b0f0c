"""Recommenders: as good as published models, in seconds on one core, on the same files.

Each set below is a published one, with the figures that others published for the same files. Every
recommender is run as anybody would run it, by `persx recommend evaluate`, in a process of its own
and on one thread; the models of the library `implicit` are run beside it on the same data with the
same metrics. Options are chosen on a part that is held out of the training file, from the small
grids that stand in `proofs/recommending/`; the test file is read once, with what was chosen. All
items are ranked. Memory is the whole process's, files and all. Seconds and milliseconds differ from
machine to machine and from run to run.

The claim that is checked: on every set, the best of ours is better than the best of `implicit`, by
the metric that options are chosen by. The last set is a shop's own orders: there, what is checked
is that "often bought together", "for you" and "buy again" find more than popularity does, and that
knowing customers' own intervals helps to tell what they buy again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from proofs.recommending import online_retail
from proofs.recommending.amazon_beauty import AMAZON_BEAUTY
from proofs.recommending.amazon_cds import AMAZON_CDS
from proofs.recommending.contest import Contest, choices, enter, table
from proofs.recommending.movielens import MOVIELENS
from proofs.recommending.sessions import DIGINETICA, RETAILROCKET, YOOCHOOSE

SKIPPED = 77

CONTESTS: Final[tuple[Contest, ...]] = (
    MOVIELENS,
    AMAZON_CDS,
    AMAZON_BEAUTY,
    RETAILROCKET,
    DIGINETICA,
    YOOCHOOSE,
)
"""The sets, in the order of the page; each has a file in `proofs/recommending/`."""


def show(contest: Contest, data: Path) -> bool:
    """Print the part of one set; return whether the claim holds on it."""
    entries = []
    for contender in contest.contenders:
        entries.append(enter(contest, contender, data))
    print(f"## {contest.title}\n\n{contest.about}\n")
    print(*table(contest, entries), sep="\n")
    print("\nChosen on the held-out part of the training file:\n")
    print(*choices(entries), sep="\n")
    by = contest.metrics[-1]
    ours = max(each.result[by] for each in entries if not each.contender.peer)
    theirs = max((each.result[by] for each in entries if each.contender.peer), default=0.0)
    best = max((each.figures.get(by, 0.0) for each in contest.published), default=0.0)
    print(f"\n{by}: ours {ours:.4f}, `implicit` {theirs:.4f}, published {best:.4f}.\n")
    return bool(ours > theirs)


def main() -> int:
    """Run every set; fail where `implicit` is better, or popularity is."""
    data = Path(os.environ.get("PERSX_DATA", ""))
    missing = [
        path
        for contest in CONTESTS
        for path in (contest.train, contest.test)
        if path and not (data / path).is_file()
    ]
    if not os.environ.get("PERSX_DATA") or missing:
        print(f"PERSX_DATA does not name a folder with {', '.join(missing) or 'the sets'}.")
        return SKIPPED
    held = [show(contest, data) for contest in CONTESTS]
    held.append(online_retail.show(data))
    return 0 if all(held) else 1
