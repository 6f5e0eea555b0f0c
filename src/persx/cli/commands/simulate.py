"""`persx simulate`: made-up visitors with known effects come, through the real pipeline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click
import msgspec

from persx.app.commands import call
from persx.app.simulation import SIMULATE
from persx.cli.options import home_option, json_option, print_json
from persx.cli.progress import waiting
from persx.model.clock import iso
from persx.model.counting import counted
from persx.model.errors import BadInput
from persx.model.simulation import (
    SIMULATED_LABEL,
    Break,
    Effects,
    Simulated,
    Simulation,
)

_BREAK: Final = re.compile(r"(?P<block>[^/]+)/(?P<variant>.+)@(?P<day>\d{1,4})")
_SHARE: Final = click.FloatRange(0, 1)
_USUAL: Final = Simulation()


@click.command()
@home_option(must_exist=True)
@click.option(
    "--visitors", type=click.IntRange(1, 1_000_000), default=_USUAL.visitors, show_default=True,
    help="How many people come; bots come on top.",
)  # fmt: skip
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=_USUAL.days,
    show_default=True,
    help="They come in the last so many days.",
)
@click.option(
    "--seed", type=int, default=_USUAL.seed, show_default=True,
    help="The same seed and workspace make the same visitors.",
)  # fmt: skip
@click.option(
    "--effects",
    "effects_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What is true of them, as YAML.",
)
@click.option(
    "--break",
    "breaks",
    multiple=True,
    metavar="BLOCK/VARIANT@DAY",
    help="Break a variant from a day on; the first day is 0.",
)
@click.option(
    "--declare", type=_SHARE, default=_USUAL.declare, show_default=True,
    help="Share that sends the start form.",
)  # fmt: skip
@click.option(
    "--bots", type=_SHARE, default=_USUAL.bots, show_default=True,
    help="Visits of known bots for each visitor.",
)  # fmt: skip
@click.option(
    "--returning", type=_SHARE, default=_USUAL.returning, show_default=True,
    help="Share that comes again.",
)  # fmt: skip
@click.option(
    "--delay-hours", type=click.FloatRange(0, 720), default=_USUAL.delay_hours, show_default=True,
    help="Time from a visit to its conversion, on average.",
)  # fmt: skip
@click.option(
    "--denials", type=_SHARE, default=_USUAL.denials, show_default=True,
    help="Share that denies storage.",
)  # fmt: skip
@click.option(
    "--cleared", type=_SHARE, default=_USUAL.cleared, show_default=True,
    help="Share of the returns before which cookies were cleared.",
)  # fmt: skip
@click.option("--into-real-data", is_flag=True, help="Even where real visitors were.")
@click.option(
    "--untended", is_flag=True,
    help="Nobody looks at health meanwhile, and no block learns.",
)  # fmt: skip
@json_option
def command(
    home: Path,
    visitors: int,
    days: int,
    seed: int,
    effects_file: Path | None,
    breaks: tuple[str, ...],
    declare: float,
    bots: float,
    returning: float,
    delay_hours: float,
    denials: float,
    cleared: float,
    into_real_data: bool,
    untended: bool,
    as_json: bool,
) -> None:
    """Have made-up visitors come in the last days, with known effects.

    They go through the real pipeline, and every screen of the home says so from then on. Meanwhile
    health is looked at on these days, and blocks that learn do so by their schedule.

    \b
    Example:  persx simulate --home trial --visitors 10000 --days 28
              persx simulate --home trial --break home-hero/saas@14
    """
    asked = Simulation(
        visitors=visitors,
        days=days,
        seed=seed,
        effects=read_effects(effects_file) if effects_file else Effects(),
        breaks=tuple(_break(each) for each in breaks),
        declare=declare,
        bots=bots,
        returning=returning,
        delay_hours=delay_hours,
        denials=denials,
        cleared=cleared,
        into_real_data=into_real_data,
        tended=not untended,
    )
    with waiting("Simulating"):
        done = call(home, SIMULATE, asked)
    if as_json:
        print_json(done)
    else:
        _print(done)


def read_effects(path: Path) -> Effects:
    """Return the effects that a YAML file describes.

    Raises:
        BadInput: It cannot be read as such; the message names the place.
    """
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=Effects)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path} does not describe effects: {' '.join(str(error).split())}.",
            value=str(path),
            hint="See docs/guides/simulating.md for its form.",
        ) from error


def _break(text: str) -> Break:
    found = _BREAK.fullmatch(text)
    if found is None:
        raise BadInput(
            f"--break {text!r} is not of the form BLOCK/VARIANT@DAY.",
            value=text,
            hint="Such as home-hero/saas@14.",
        )
    return Break(block=found["block"], variant=found["variant"], day=int(found["day"]))


def _print(done: Simulated) -> None:
    click.secho(f"{SIMULATED_LABEL}: every screen of this home says so from now on.", fg="yellow")
    conversions = ", ".join(f"{count:,} {goal}" for goal, count in done.conversions.items())
    rows = (
        ("visitors", f"{done.visitors:,}, {iso(done.start)[:10]} to {iso(done.end)[:10]}"),
        ("visits, pages", f"{done.visits:,}, {done.pages:,}"),
        ("bots", f"{done.bots:,}, counted nowhere"),
        ("denied storage", f"{done.denied:,}, not kept"),
        ("cleared cookies", f"{done.cleared:,}, somebody new each time"),
        ("events", f"{done.events:,}"),
        ("conversions", conversions),
        ("seconds", f"{done.seconds:g}"),
    )
    for label, text in rows:
        if text:
            click.echo(f"  {label:<16} {text}")
    if done.truth:
        click.echo("  true lift in the first goal, of visitors who entered the holdout")
        for name, truth in sorted(done.truth.items()):
            lift = "undefined" if truth.lift is None else f"{truth.lift:+.1%}"
            click.echo(f"    {name or 'all':<22} {lift:>8}  of {truth.entered:,}")
    for block, times in done.learned.items():
        click.echo(f"  block '{block}' learned {counted(times, 'time')}: persx learn show {block}")
    for alarm in done.alarms:
        what = f"{alarm.objective} {alarm.kind}: {', '.join(alarm.subjects)}"
        click.secho(
            f"  {iso(alarm.at)}  {what}", fg="red" if alarm.kind == "confirmed" else "green"
        )
    if done.by_blocks:
        click.echo("  Effects of single blocks are not in it: they depend on what each one sees.")
