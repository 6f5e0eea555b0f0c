"""`persx boundaries`: where a number divides visitors into equal parts, as cases to paste."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.boundaries import BOUNDARIES, BoundariesRequest, BoundariesResult
from persx.app.commands import call
from persx.cli.options import existing, home_option, json_option, print_json
from persx.cli.progress import waiting
from persx.model.counting import counted


@click.command("boundaries")
@click.argument("attribute", metavar="ATTRIBUTE")
@click.option("--parts", type=int, default=5, show_default=True, help="How many parts.")
@click.option("--low-is-good", is_flag=True, help="The least values get the greatest score.")
@home_option()
@json_option
def command(attribute: str, parts: int, low_is_good: bool, home: Path, as_json: bool) -> None:
    """Divide visitors by a number into equally large parts, such as RFM scores from 1 to 5.

    Prints the cases of a derived attribute, to be pasted into attributes.yaml and rounded as you
    like. They stay as they are until you change them.

    \b
    Example:  persx boundaries customer.revenue --home shop
              persx boundaries days_since_purchase --low-is-good --home shop
    """
    request = BoundariesRequest(attribute=attribute, parts=parts)
    with waiting("Counting"):
        found = call(existing(home), BOUNDARIES, request)
    if as_json:
        print_json(found)
        return
    click.echo(f"# {counted(found.visitors, 'visitor')}, from {found.least:g} to {found.most:g}")
    click.echo("cases:")
    for score, rule in _cases(found, low_is_good):
        click.echo(f"  {score}: {rule}")


def _cases(found: BoundariesResult, low_is_good: bool) -> list[tuple[int, str]]:
    name, marks = found.attribute, found.boundaries
    best = len(marks) + 1
    if low_is_good:
        cases = [f"{name} <= {mark:g}" for mark in marks]
    else:
        cases = [f"{name} >= {mark:g}" for mark in reversed(marks)]
    cases.append(f"known({name})")
    return [(best - place, rule) for place, rule in enumerate(cases)]
