"""`persx recommend evaluate PIPELINE --off-policy`: what exploring costs, or would, by the log."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.exploration import EXPLORATION, Exploration, ExplorationRequest
from persx.cli.estimates import print_estimates
from persx.cli.options import print_json
from persx.cli.progress import waiting
from persx.model.errors import BadInput


def evaluate_exploration(home: Path, pipeline: str, explore: float, *, as_json: bool) -> None:
    """Ask the log of a home what another share of exploration would bring, and print it."""
    if not pipeline:
        raise BadInput("No pipeline is named.", hint="Say which: evaluate PIPELINE --off-policy.")
    with waiting("Reading"):
        found = call(home, EXPLORATION, ExplorationRequest(pipeline=pipeline, explore=explore))
    if as_json:
        print_json(found)
    else:
        _print(found)


def _print(found: Exploration) -> None:
    lists = found.lists
    told = lists.evaluation
    click.echo(
        f"{found.pipeline}: clicks on lists if it explored {lists.explore:.1%} of the places; "
        f"it explores {found.explores_now:.1%} now"
    )
    if found.simulated:
        click.secho("  There are simulated visitors in this home.", fg="yellow")
    click.echo(
        f"  {told.n:,} visitors by their first list, {told.effective:,.0f} effective; "
        f"{lists.logged_explore:.1%} of what was drawn was explored, on {lists.explored:,} lists, "
        f"of which {lists.explored_clicked:,} were clicked"
    )
    click.echo(
        f"  largest weight {lists.largest_weight:,.1f}; cut at {lists.clip:g}: {lists.clipped:.1%} "
        f"of the lists, {lists.cut:.1%} of what would be shown"
    )
    for count, what in (
        (lists.undrawn, "on whose list nothing was drawn"),
        (lists.inconsistent, "whose probabilities do not fit what was published then"),
        (found.lost, "whose list the log does not have any more"),
        (found.waiting, "whose list was seen less than a day ago"),
    ):
        if count:
            click.echo(f"  left out: {count:,} {what}")
    print_estimates(told)
