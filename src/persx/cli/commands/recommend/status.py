"""`persx recommend status`: what was trained for each pipeline, when, on what; what recommends."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.recommender_records import PipelineRequest, PipelineStatus
from persx.app.recommender_training import STATUS
from persx.cli.options import home_option, json_option, print_json
from persx.model.clock import iso, system_clock
from persx.recommend.staleness import age


@click.command("status")
@click.argument("pipeline", default="", metavar="[PIPELINE]")
@home_option(must_exist=True)
@json_option
def command(pipeline: str, home: Path, as_json: bool) -> None:
    """Show what was trained for each pipeline, how old it is, and which number recommends.

    \b
    Example:  persx recommend status --home shop
    """
    found = call(home, STATUS, PipelineRequest(pipeline=pipeline))
    if as_json:
        print_json(found)
        return
    if not found.pipelines:
        click.echo("The workspace has no pipeline.")
    for each in found.pipelines:
        print_status(each)


def print_status(found: PipelineStatus) -> None:
    """Print a pipeline and its artifacts."""
    now = system_clock()
    sources = ", ".join(found.sources)
    every = f"every {found.every}" if found.every else "by hand"
    click.echo(f"{found.pipeline}  {found.label}: {sources}; trained {every}")
    for each in found.artifacts:
        mark = "*" if each.active else " "
        told = each.trained
        gone = "" if each.there else ", files removed"
        click.echo(
            f"{mark} {each.number:>4}  {iso(each.made)}  {age(now - each.made)} old, "
            f"{told.users:,} visitors, {told.items:,} items, {told.rows:,} touches, "
            f"{told.seconds:,.1f} s, {each.bytes / 1e6:,.1f} MB{gone}"
        )
    if found.training_since:
        click.echo(f"Trained just now, since {iso(found.training_since)}.")
    if found.nothing_yet:
        click.echo(found.tried)
    elif found.stale:
        click.echo(found.stale)
    if found.changed:
        click.echo("It learns otherwise since: train it anew.")
    if found.stopped:
        click.echo("Somebody switched it off: nothing is trained by itself.")
    if found.failed:
        click.echo(f"The last training, at {iso(found.tried_at)}, came to nothing: {found.tried}")
