"""What `persx recommend evaluate` and `tune` share of a home's own log: options and tables."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from persx.app.judging_log import How, LogView, judge_pipeline, read_log
from persx.app.known_then import Past
from persx.cli.options import print_json
from persx.cli.progress import waiting
from persx.model.clock import iso, parse_duration
from persx.model.errors import BadInput
from persx.recommend.evaluation.metrics import TOGETHER
from persx.recommend.evaluation.segments import SegmentFigures
from persx.recommend.evaluation.telling import Estimate, PipelineFigures
from persx.recommend.ranking.rank import MOST

if TYPE_CHECKING:
    from rich.table import Table

SHOWN: Final = ("ndcg", "recall", "hr")
"""Metrics that a table shows; --json has all."""

TOO_FEW: Final = "too few"


def opened(home: Path, pipeline: str, how: How, *, tuning: bool = False) -> LogView:
    """Read the log of a home."""
    with waiting("Reading"):
        return asyncio.run(read_log(home, pipeline, how, tuning=tuning))


def how_of(test: str, cuts: Sequence[int], *, anchored: bool, again: bool | None, seed: int) -> How:
    """Return how pipelines are judged, from what was said on the command line."""
    length = parse_duration(test) if test else 0
    return How(cuts=tuple(cuts), length=length, anchored=anchored, again=again, seed=seed)


def evaluate_log(
    home: Path, pipeline: str, how: How, *, segments: Sequence[str] = (), as_json: bool
) -> None:
    """Judge a pipeline by the log of its home, and print what was found.

    Args:
        segments: By what visitors are told apart; by everything unless named.

    Raises:
        BadInput: More places are asked for than a list has.
    """
    if how.cuts[-1] > MOST:
        raise BadInput(
            f"--k cannot be {how.cuts[-1]}: a pipeline's lists have {MOST} places at most.",
            value=how.cuts[-1],
        )
    view = opened(home, pipeline, how)
    with waiting("Judging"):
        found = judge_pipeline(view, how)
    chosen = {
        kind: each for kind, each in found.segments.items() if not segments or kind in segments
    }
    if as_json:
        print_json(
            {
                "pipeline": view.plan.name,
                "cases": found.cases,
                "trained_on": found.trained_on,
                "since": found.cut,
                "figures": found.figures,
                "segments": chosen,
                **unknown(view),
            }
        )
        return
    click.echo(
        f"{view.plan.name}: trained on {found.trained_on:,} touches before {iso(found.cut)}, and "
        f"asked about {found.cases:,} visitors since"
    )
    print_again(view)
    print_figures(found.figures, how.cuts[-1], found.figures[-1].name)
    _print_together(found.figures, how.cuts[-1])
    _print_segments(chosen, how.cuts[-1], found.figures[-1].name)
    print_unknown(view.past)


def print_again(view: LogView) -> None:
    """Say whether what a visitor had touched before counts as right."""
    if view.again:
        click.echo("What a visitor had touched before counts as right, too (--new: it does not).")
    else:
        click.echo("Only what was new to a visitor counts as right (--again: all that came).")


def unknown(view: LogView) -> dict[str, object]:
    """Return how it was judged, and what was left out as nobody knows it, as JSON tells it."""
    past = view.past
    return {
        "again": view.again,
        "rules_left_out": past.left_out,
        "unknown_audiences": past.unknown_audiences,
    }


def print_unknown(past: Past) -> None:
    """Say what was left out because nobody knows of the past what it reads."""
    for each in past.left_out:
        click.echo(
            f"Left out, for nobody knows what it read then: rule {each.rule + 1}, {each.do} when "
            f"{each.when} (reads {', '.join(each.unknown)})"
        )
    if past.unknown_audiences:
        click.echo(f"Nobody knows who was in these audiences: {', '.join(past.unknown_audiences)}")


def _print_together(figures: Sequence[PipelineFigures], k: int) -> None:
    """Print what is told of all lists together."""
    from rich.console import Console

    table = _table([f"all lists of {k}", *TOGETHER])
    for each in figures:
        told = (each.together[f"{name}@{k}"] for name in TOGETHER)
        table.add_row(each.name, *("none" if one is None else f"{one:.3f}" for one in told))
    Console().print(table)


def _print_segments(
    segments: Mapping[str, Mapping[str, SegmentFigures]], k: int, base: str
) -> None:
    """Print how a pipeline did for each segment of visitors."""
    from rich.console import Console

    main = f"ndcg@{k}"
    table = _table(["segment", "visitors", main, f"against {base}"])
    for kind, parts in segments.items():
        for name, each in parts.items():
            figures = [told(each.metrics[main]), told(each.against[main])] if each.metrics else []
            table.add_row(f"{kind}: {name}", f"{each.cases:,}", *(figures or [TOO_FEW, ""]))
    if table.row_count:
        Console().print(table)


def print_figures(figures: Sequence[PipelineFigures], k: int, base: str) -> None:
    """Print metrics with their intervals, and the differences to one of them."""
    from rich.console import Console

    names = [f"{name}@{k}" for name in SHOWN]
    table = _table(["", *names])
    for each in figures:
        table.add_row(each.name, *(told(each.metrics[name]) for name in names))
    Console().print(table)
    for each in figures:
        if each.against:
            click.echo(f"{each.name}: {names[0]} {difference(each.against[names[0]])} than {base}")


def told(found: Estimate) -> str:
    """Return a mean and half the width of its interval.

    >>> told(Estimate(0.5, 0.4, 0.6))
    '0.500 ± 0.100'
    """
    return f"{found.mean:.3f} ± {found.high - found.mean:.3f}"


def difference(found: Estimate) -> str:
    """Return a difference with its interval, and what that says.

    >>> difference(Estimate(0.02, 0.01, 0.03))
    '+0.020 (+0.010 to +0.030): better'
    >>> difference(Estimate(0.01, -0.01, 0.03))
    '+0.010 (-0.010 to +0.030): not known to be better or worse'
    """
    said = "not known to be better or worse"
    if found.low > 0:
        said = "better"
    elif found.high < 0:
        said = "worse"
    return f"{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f}): {said}"


def _table(titles: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, title in enumerate(titles):
        table.add_column(title, justify="right" if place else "left", no_wrap=True)
    return table
