"""`persx learn`: blocks that learn what works: published anew, shown, chosen, stopped."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.learning import LEARN_ACTIVATE, LEARN_OFF, LEARN_SHOW, LEARN_TRAIN, in_words
from persx.app.learnings import LearningBlock, LearnRequest, Publication
from persx.cli.options import home_option, json_option, print_json
from persx.cli.progress import waiting
from persx.experiments.probabilities import Cell, Probabilities, chances
from persx.model.clock import iso

_BLOCK = click.argument("block", metavar="[BLOCK]", default="")
_MOST_CELLS = 20


@click.group("learn")
def command() -> None:
    """Learn which variants work, in blocks with policy: learn.

    BLOCK is one of them; it may be left out where there is only one. A server learns by itself,
    as often as the block says. What learning is worth, 'persx report learn:BLOCK' tells.

    \b
    Example:  persx learn train --home shop
              persx learn show --home shop
    """


@command.command("train")
@_BLOCK
@home_option(must_exist=True)
@json_option
def train(block: str, home: Path, as_json: bool) -> None:
    """Learn from the log now, and draw visitors' variants by what was learned.

    The first time, when nothing was seen yet, all variants are alike probable.

    \b
    Example:  persx learn train home-hero --home shop
    """
    with waiting("Learning"):
        found = call(home, LEARN_TRAIN, LearnRequest(block=block))
    if as_json:
        print_json(found)
        return
    assert found.probabilities is not None
    click.echo(in_words(found.probabilities.block, found))
    _print_publication(found)


@command.command("show")
@_BLOCK
@home_option(must_exist=True)
@json_option
def show(block: str, home: Path, as_json: bool) -> None:
    """Show what each block has learned: the probabilities in use, by context.

    \b
    Example:  persx learn show --home shop
    """
    found = call(home, LEARN_SHOW, LearnRequest(block=block))
    if as_json:
        print_json(found)
        return
    if not found.blocks:
        click.echo("No block learns.")
    for each in found.blocks:
        _print_block(each)
        for publication in each.published:
            if publication.probabilities is not None:
                _print_publication(publication)


@command.command("activate")
@click.argument("number", type=click.IntRange(min=1), metavar="NUMBER")
@_BLOCK
@home_option(must_exist=True)
@json_option
def activate(number: int, block: str, home: Path, as_json: bool) -> None:
    """Draw by an earlier publication again, until the next one.

    \b
    Example:  persx learn activate 3 --home shop
    """
    _told(call(home, LEARN_ACTIVATE, LearnRequest(block=block, number=number)), as_json)


@command.command("off")
@_BLOCK
@home_option(must_exist=True)
@json_option
def off(block: str, home: Path, as_json: bool) -> None:
    """Let the rules alone choose again; what was published is kept.

    A server does not learn for the block until you train or activate.

    \b
    Example:  persx learn off home-hero --home shop
    """
    _told(call(home, LEARN_OFF, LearnRequest(block=block)), as_json)


def _told(found: LearningBlock, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        _print_block(found)


def _print_block(found: LearningBlock) -> None:
    state = f"number {found.active} is used" if found.active else "the rules alone choose"
    state += ", stopped" if found.stopped else ""
    click.echo(
        f"{found.block}  learns for {found.goal} with {found.learner}, every {found.every}: {state}"
    )
    for each in found.published:
        mark = "*" if each.active else " "
        told = each.learned_from
        click.echo(
            f"{mark} {each.number:>4}  {iso(each.made)}  {told.visitors:,} visitors, "
            f"{told.reached:,} reached {told.goal}"
        )
    if found.tried:
        click.echo(f"Last learned by itself at {iso(found.tried_at)}: {found.tried}")
    click.echo(f"What it is worth: persx report {found.experiment}")


def _print_publication(found: Publication) -> None:
    told, published = found.learned_from, found.probabilities
    assert published is not None
    rows = (
        ("visitors, reached the goal", f"{told.visitors:,}, {told.reached:,}"),
        ("held out, nothing learned from", f"{told.held_out:,}"),
        (f"waiting until {told.window} are over", f"{told.waiting:,}"),
        ("left out", ", ".join(f"{count:,} {why}" for why, count in told.left_out.items())),
    )
    for label, text in rows:
        if text:
            click.echo(f"  {label:<34} {text}")
    variants = list(published.lanes)
    by = " and ".join(published.by)
    click.echo(f"  probabilities{f' by {by}' if by else ''}, where every variant is eligible")
    width = max(len("everybody else"), *(len(_context(each)) for each in published.cells), 0)
    click.echo(f"    {'':<{width}} " + " ".join(f"{name:>12}" for name in variants))
    shown = sorted(published.cells, key=lambda each: -each.visitors)[:_MOST_CELLS]
    for each in shown:
        click.echo(f"    {_context(each):<{width}} {_chances(published, each)}")
    if len(published.cells) > len(shown):
        click.echo(f"    … and {len(published.cells) - len(shown):,} more: --json tells all")
    click.echo(f"    {'everybody else':<{width}} {_chances(published, published.overall)}")


def _context(cell: Cell) -> str:
    return ", ".join(value or "(unknown)" for value in cell.context) or "everybody"


def _chances(published: Probabilities, cell: Cell) -> str:
    found = chances(cell.shares, published.exploration, list(published.lanes))
    return " ".join(f"{each:>12.1%}" for each in found.values()) + f"  ({cell.visitors:,} visitors)"
