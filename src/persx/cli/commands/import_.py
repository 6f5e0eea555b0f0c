"""`persx import`: bring data in from files."""

from __future__ import annotations

import csv
from pathlib import Path

import click
from rich.console import Console

from persx.app.commands import call
from persx.app.imports import IMPORT_EXPERIMENT, ImportExperiment
from persx.cli.event_files import csv_file, parquet_file
from persx.cli.item_files import items_file
from persx.cli.options import home_option, json_option, print_json
from persx.model.counting import counted
from persx.model.errors import BadInput


@click.group("import")
def command() -> None:
    """Bring data in from files.

    \b
    Example:  persx import experiment test.csv --name test --arm group --control A --metrics sold
    Example:  persx import csv orders.csv --map orders.yaml
    Example:  persx import items products.csv
    """


command.add_command(csv_file)
command.add_command(parquet_file)
command.add_command(items_file)


def names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Split a list at its commas, but inside quotation marks; surrounding spaces do not count."""
    parts = next(csv.reader([value or ""], skipinitialspace=True), [])
    return tuple(part.strip() for part in parts if part.strip())


def shares(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> dict[str, float]:
    """Read ``ARM=SHARE``, where the arm's name may hold equals signs itself."""
    found: dict[str, float] = {}
    for said in value:
        arm, separator, share = said.rpartition("=")
        try:
            found[arm] = float(share)
        except ValueError:
            separator = ""
        if not separator or not arm:
            raise BadInput(
                f"'{said}' is not a share of an arm.",
                value=said,
                hint="Write ARM=SHARE, such as --weight A=0.5.",
            )
    return found


@command.command("experiment")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--name", required=True, help="What the report shall be called.")
@click.option("--arm", required=True, metavar="COLUMN", help="Column that names the arm.")
@click.option("--control", required=True, metavar="VALUE", help="Arm to compare with.")
@click.option(
    "--metrics",
    required=True,
    callback=names,
    metavar="A,B",
    help="Columns of 0 and 1 (conversions) or of numbers (means); the first is primary.",
)
@click.option(
    "--attributes",
    callback=names,
    metavar="C,D",
    help="Columns known before the test, by whose values the report is split.",
)
@click.option(
    "--unit", metavar="COLUMN", help="Column that names the unit; without it each row is one."
)
@click.option(
    "--weight",
    "weights",
    multiple=True,
    callback=shares,
    metavar="ARM=SHARE",
    help="Planned share of an arm, once for each; equal shares are assumed without it.",
)
@home_option()
@json_option
def experiment(
    file: Path,
    name: str,
    arm: str,
    control: str,
    metrics: tuple[str, ...],
    attributes: tuple[str, ...],
    unit: str | None,
    weights: dict[str, float],
    home: Path,
    as_json: bool,
) -> None:
    """Bring in a randomised experiment from a CSV or Parquet file.

    Every column is checked first; an experiment of the same name is replaced only if all is in
    order. Read it with `persx report NAME`.

    \b
    Example:
      persx import experiment mails.csv --name mails --arm segment --control "No E-Mail" \\
        --metrics conversion,visit,spend --attributes channel,newbie --home shop
    """
    request = ImportExperiment(
        file=str(file.absolute()),
        name=name,
        arm=arm,
        control=control,
        metrics=metrics,
        attributes=attributes,
        unit=unit,
        weights=weights,
    )
    with Console(stderr=True).status(f"Reading {file.name} …"):
        found = call(home, IMPORT_EXPERIMENT, request)
    if as_json:
        print_json(found)
        return
    rows = f"{counted(found.rows, 'row')} of {found.file} {'is' if found.rows == 1 else 'are'}"
    click.echo(f"{rows} experiment '{found.name}'.")
    click.echo("  arms: " + ", ".join(_marked(each, found.control) for each in found.weights))
    click.echo("  metrics: " + ", ".join(f"{each.name} ({each.kind})" for each in found.metrics))
    for attribute in found.attributes:
        bins = ", ".join(bin.label for bin in attribute.bins)
        click.echo(f"  attribute: {attribute.name}" + (f" in ranges {bins}" if bins else ""))
    click.echo(f"Next: persx report {found.name} --home {home}")


def _marked(arm: str, control: str) -> str:
    return f"{arm} (control)" if arm == control else arm
