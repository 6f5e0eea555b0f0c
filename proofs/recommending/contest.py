"""A contest on one set: options are chosen on a part of the training file, then judged once."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Options = Mapping[str, Any]
Result = dict[str, Any]


class Published(NamedTuple):
    """Figures that others have published for the same files.

    Attributes:
        name: Of the method.
        figures: Metric → value.
        source: Where they stand.
    """

    name: str
    figures: Mapping[str, float]
    source: str


class Contender(NamedTuple):
    """A recommender with the options that are tried.

    Attributes:
        name: The recommender's; of a peer the model's name in the library.
        options: What is the same in all tries.
        grid: Option → values; the best combination by the first metric of the set is judged.
        peer: Whether it is a model of `implicit`.
        files: Option of the command → path below the folder of data.
        note: What sets it apart from another contender of the same name.
    """

    name: str
    options: Options = {}
    grid: Mapping[str, Sequence[Any]] = {}
    peer: bool = False
    files: Mapping[str, str] = {}
    note: str = ""

    @property
    def title(self) -> str:
        """What the tables call it."""
        name = f"`implicit` {self.name}" if self.peer else f"**{self.name}**"
        return f"{name}, {self.note}" if self.note else name


class Contest(NamedTuple):
    """One set: its files, what is published, who takes part.

    Attributes:
        title: Heading of its part of the page.
        about: A sentence or two on the files and what is asked.
        form: The format of the files.
        train: Path below the folder of data.
        test: The same; none where the training file has it.
        metrics: What is shown; the last one is what options are chosen by.
        published: Figures of others.
        contenders: Who takes part, peers too.
    """

    title: str
    about: str
    form: str
    train: str
    test: str
    metrics: Sequence[str]
    published: Sequence[Published]
    contenders: Sequence[Contender]


class Entry(NamedTuple):
    """What became of a contender: what was chosen, after how many tries, and its figures."""

    contender: Contender
    chosen: Options
    tried: int
    result: Result


def enter(contest: Contest, contender: Contender, data: Path) -> Entry:
    """Choose a contender's options on the validation part of the training file, and judge it."""
    names = list(contender.grid)
    tries = [
        dict(zip(names, values, strict=True))
        for values in itertools.product(*contender.grid.values())
    ]
    by = contest.metrics[-1]
    scored = [
        (run(contest, contender, {**contender.options, **each}, data, validation=True)[by], each)
        for each in (tries if len(tries) > 1 else [])
    ]
    chosen = max(scored, key=lambda pair: pair[0])[1] if scored else tries[0]
    options = {**contender.options, **chosen}
    return Entry(
        contender, options, len(tries), run(contest, contender, options, data, validation=False)
    )


def run(
    contest: Contest, contender: Contender, options: Options, data: Path, *, validation: bool
) -> Result:
    """Fit and judge once, in a process of its own with one thread: its memory is its own."""
    cuts = sorted({int(metric.rpartition("@")[2]) for metric in contest.metrics})
    command = [sys.executable, "-m"]
    command += (
        ["proofs.recommending.peers"] if contender.peer else ["persx", "recommend", "evaluate"]
    )
    command += ["--train", str(data / contest.train), "--format", contest.form]
    command += ["--test", str(data / contest.test)] if contest.test else []
    command += ["--recommender", contender.name, "--json"]
    command += ["--k", ",".join(map(str, cuts))]
    command += ["--validation"] if validation else []
    for name, path in contender.files.items():
        command += [f"--{name}", str(data / path)]
    for name, value in options.items():
        command += ["--param", f"{name}={value}"]
    one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | one, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    found: Result = json.loads(done.stdout)
    return found


def table(contest: Contest, entries: Sequence[Entry]) -> Iterator[str]:
    """Yield the table of a set as Markdown: ours and the peers' in order, then the published."""
    by = contest.metrics[-1]
    heads = ["", *contest.metrics, "fit s", "memory MB", "lookup p50 ms", "p99 ms"]
    yield f"| {' | '.join(heads)} |"
    yield f"| :--- |{' ---: |' * (len(heads) - 1)}"
    for entry in sorted(entries, key=lambda each: -each.result[by]):
        found = entry.result
        figures = [f"{found[metric]:.4f}" for metric in contest.metrics]
        figures += [f"{found['fit_seconds']:.1f}", f"{found['memory'] / 1e6:,.0f}"]
        figures += [f"{found['lookup_ms_p50']:.2f}", f"{found['lookup_ms_p99']:.2f}"]
        yield f"| {entry.contender.title} | {' | '.join(figures)} |"
    for each in contest.published:
        figures = [
            f"{each.figures[metric]:.4f}" if metric in each.figures else ""
            for metric in contest.metrics
        ]
        yield f"| {each.name} ({each.source}) | {' | '.join(figures)} | | | | |"


def choices(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield what was chosen for each contender, as Markdown."""
    for entry in entries:
        shown = ", ".join(f"{name} {value}" for name, value in entry.chosen.items()) or "as it is"
        tried = f"; best of {entry.tried}" if entry.tried > 1 else ""
        yield f"- {entry.contender.title}: {shown}{tried}"
