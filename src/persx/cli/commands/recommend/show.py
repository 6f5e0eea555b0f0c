"""`persx recommend show`: what a pipeline would recommend to somebody now, and why."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.recommendations_shown import SHOW, Shown, ShowRequest
from persx.cli.options import home_option, json_option, print_json


@click.command("show")
@click.argument("pipeline", metavar="PIPELINE")
@click.option("--visitor", default="", metavar="ID", help="To this anonymous visitor.")
@click.option("--user", default="", metavar="ID", help="To this user.")
@click.option("--item", default="", metavar="ID", help="On the page of this item: its id or path.")
@click.option("--count", default=8, type=click.IntRange(1, 100), help="So many items.")
@click.option("--category", default="", metavar="PATH", help="On the page of a category.")
@click.option("--generic", is_flag=True, help="As if nothing were known of the visitor.")
@home_option(must_exist=True)
@json_option
def command(
    pipeline: str,
    visitor: str,
    user: str,
    item: str,
    count: int,
    category: str,
    generic: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Show what a pipeline would recommend now, where each item comes from, and why.

    Nothing of it is logged as recommended.

    \b
    Example:  persx recommend show for-you --visitor 5f2a --home shop
              persx recommend show together --item wren-3 --home shop
    """
    request = ShowRequest(
        pipeline=pipeline,
        anonymous_id=visitor,
        user_id=user,
        item=item,
        count=count,
        generic=generic,
        context={"category": category} if category else {},
    )
    found = call(home, SHOW, request)
    if as_json:
        print_json(found)
    else:
        _print(found, of_somebody=bool(visitor or user) and not generic)


def _print(found: Shown, *, of_somebody: bool) -> None:
    if found.untrained:
        click.echo("Nothing is trained yet: these are the newest items.")
    else:
        click.echo(f"Artifact {found.artifact}.")
    if found.touches:
        newest = ", ".join(f"{each.action} {each.item}" for each in found.touches[-3:][::-1])
        click.echo(f"{len(found.touches)} touches count; the newest: {newest}.")
    elif found.withheld:
        click.echo("The visitor has not agreed to personalization: nothing of them counts.")
    elif of_somebody:
        click.echo(
            "Nothing that they viewed or bought is known by this name. What happened before the "
            "first pipeline was published comes in while a server of the home runs."
        )
    for each in found.items:
        source = f"{each.source} {each.score:.3f}" if each.source else "-"
        chance = "" if each.propensity == 1 else f"  p={each.propensity:.4g}"
        click.echo(f"{each.place:>3}  {each.id}  {each.title}  [{source}]  {each.reason}{chance}")
    if not found.items:
        click.echo("Nothing may be shown.")
