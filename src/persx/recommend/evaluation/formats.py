"""Formats: the lines of published evaluation files become a trial."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from persx.model.errors import BadInput
from persx.model.registry import Registry
from persx.recommend.evaluation.splits import held_out
from persx.recommend.evaluation.trial import Case, Coder, Trial, asked, interactions

_TABLE: Final = re.compile(r"[,;|]")
"""What stands between the fields of a table."""


class Lines(NamedTuple):
    """A file as it is read.

    Attributes:
        name: What messages call it.
        lines: Its lines.
    """

    name: str
    lines: Iterable[str]


class Format(NamedTuple):
    """A form of evaluation files.

    Attributes:
        name: What ``--format`` calls it.
        description: One line on what stands in the files.
        read: Makes a trial of the training file, the test file (None: it is part of the
            training file) and whether to judge by a validation part of the training file.
    """

    name: str
    description: str
    read: Callable[[Lines, Lines | None, bool], Trial]


def read_interactions(train: Lines, test: Lines | None, validation: bool = False) -> Trial:
    """Read ``user item item …`` lines; what a user touched in training is no answer in the test.

    For validation a tenth of each user's training items, drawn with a fixed seed, is the test.

    Raises:
        BadInput: A file holds nothing, or there is no test file.
    """
    users, items = Coder(), Coder()
    rows = _grouped(_rows(train, users, items))
    if validation:
        known, wanted = held_out(rows)
    else:
        known, wanted = rows, _grouped(_rows(_needed(test, "interactions"), users, items))
    owners = sorted(known)
    names = users.ids
    cases = [
        Case(asked(known.get(user, ()), ordered=False), _once(wanted[user]), names[user])
        for user in sorted(wanted)
        if wanted[user]
    ]
    data = interactions([known[user] for user in owners], items.ids, users=owners)
    return Trial(data, cases, exclude=True)


def read_sequences(train: Lines, test: Lines | None, validation: bool = False) -> Trial:
    """Read ``user item item …`` lines in time order; the last item is the test (leave one out).

    The item before it is for validation: the recommender is fitted to neither. The test file may
    be left out, or be the training file itself. Where it is another file, it says for each user
    what came after the training file, and its first item is the test.

    Raises:
        BadInput: A file holds nothing.
    """
    users, items = Coder(), Coder()
    rows = _grouped(_rows(train, users, items))
    later = {} if test is None else _grouped(_rows(test, users, items))
    own = not later or later == rows
    fitted: dict[int, Sequence[int]] = {}
    cases = []
    names = users.ids
    for user, row in sorted(rows.items()):
        if own:
            # Too short to be asked: everything is for training.
            known, wanted, kept = (
                (row[:-1], row[-1], row[:-2]) if len(row) > 2 else (row, None, row)
            )
            if wanted is not None and validation:
                known, wanted = row[:-2], row[-2]
        else:
            known, wanted, kept = row, later[user][0] if user in later else None, row
            if validation:
                known, wanted, kept = (
                    (row[:-1], row[-1], row[:-1]) if len(row) > 1 else (row, None, row)
                )
        fitted[user] = kept
        if wanted is not None:
            cases.append(Case(asked(known), np.array([wanted], dtype=np.int32), names[user]))
    owners = sorted(fitted)
    data = interactions([fitted[user] for user in owners], items.ids, users=owners)
    return Trial(data, cases, exclude=True)


def read_sessions(train: Lines, test: Lines | None, validation: bool = False) -> Trial:
    """Read training sessions, ``item item …`` a line; the test has ``item item … TAB target``.

    What was touched in a session may be touched again, and is a right answer. For validation the
    last tenth of the training sessions is asked for, place by place.

    Raises:
        BadInput: A file holds nothing, there is no test file, or a test line has no target.
    """
    items = Coder()
    rows = [items.codes(line.split()) for line in train.lines if line.strip()]
    if not rows:
        raise _empty(train)
    cases = []
    if validation:
        cut = len(rows) - max(1, len(rows) // 10)
        rows, later = rows[:cut], rows[cut:]
        for number, row in enumerate(later):
            for place in range(1, len(row)):
                cases.append(_session_case(row[:place], row[place], str(number)))
    else:
        for number, line in enumerate(_needed(test, "sessions").lines, 1):
            if not line.strip():
                continue
            prefix, tab, target = line.rstrip("\r\n").partition("\t")
            if not tab or len(target.split()) != 1:
                raise BadInput(
                    f"{test.name if test else ''}:{number}: no TAB with one item behind it.",
                    value=line[:80],
                    hint="A line of a test of sessions is: item item … TAB target",
                )
            known = items.codes(prefix.split())
            cases.append(_session_case(known, items.codes([target.strip()])[0], str(number)))
    return Trial(interactions(rows, items.ids), cases, exclude=False)


def _session_case(known: Sequence[int], target: int, who: str) -> Case:
    return Case(asked(known, running=True), np.array([target], dtype=np.int32), who)


def _rows(source: Lines, users: Coder, items: Coder) -> Iterable[tuple[int, list[int]]]:
    first, touched = "", False
    for line in source.lines:
        words = line.split()
        if words:
            first, touched = first or line.strip(), touched or len(words) > 1
            yield users.codes(words[:1])[0], items.codes(words[1:])
    if not first:
        raise _empty(source)
    if first.startswith(("{", "[")) or (not touched and _TABLE.search(first)):
        raise BadInput(
            f"{source.name} is a table: a line of interactions or sequences is 'user item item …', "
            "with spaces.",
            value=first[:80],
            hint="Write it so; or bring a table of events into a home with persx import csv, and "
            "judge a pipeline by the log.",
        )


def _grouped(rows: Iterable[tuple[int, list[int]]]) -> dict[int, list[int]]:
    """Return what belongs to each user; whoever has two lines has both."""
    found: dict[int, list[int]] = {}
    for user, items in rows:
        found.setdefault(user, []).extend(items)
    return found


def _once(items: Sequence[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return np.array(list(dict.fromkeys(items)), dtype=np.int32)


def _needed(test: Lines | None, name: str) -> Lines:
    if test is None:
        raise BadInput(f"The format '{name}' needs a test file.", hint="Name it with --test.")
    return test


def _empty(source: Lines) -> BadInput:
    return BadInput(f"{source.name} holds no line.", value=source.name)


FORMATS: Final[Registry[Format]] = Registry(
    "format",
    "persx.evaluation_formats",
    [
        Format(
            "interactions",
            "'user item item …' a line, in the training file and in the test file",
            read_interactions,
        ),
        Format(
            "sequences",
            "'user item item …' a line, oldest first; the last item is the test",
            read_sequences,
        ),
        Format(
            "sessions",
            "training: 'item item …' a line, a session each; test: 'item item … TAB target'",
            read_sessions,
        ),
    ],
)
"""Every form in which evaluation files may be."""
