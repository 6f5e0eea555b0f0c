"""`persx recommend train`: pipelines are fitted to the log, in this process, and then recommend."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.recommender_records import PipelineRequest, PipelineStatus
from persx.app.recommender_training import STATUS
from persx.app.trainer import Watcher, be_humble, train
from persx.cli.options import home_option, json_option, print_json
from persx.cli.progress import Progress
from persx.model.errors import NotFound, NothingYet, PersxError

_STEPS = 1_000


@click.command("train")
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...")
@click.option("--scheduled", is_flag=True, hidden=True, help="A server asks for it by itself.")
@home_option(must_exist=True)
@json_option
def command(pipelines: tuple[str, ...], scheduled: bool, home: Path, as_json: bool) -> None:
    """Train pipelines from the log, all unless some are named; each recommends once it is done.

    A server of the home goes on meanwhile, and takes up what is trained from one moment to the
    next. What is interrupted goes on where it was, if it is begun again within six hours. Where
    there is nothing to learn from yet, that is said, and is no error.

    \b
    Example:  persx recommend train --home shop
              persx recommend train for-you --home shop --json
    """
    be_humble()
    known = call(home, STATUS, PipelineRequest()).pipelines
    names = pipelines or tuple(each.pipeline for each in known)
    if not names:
        raise NotFound(
            "The workspace has no pipeline.", hint="Declare one in pipelines.yaml, and publish."
        )
    found = []
    failed: list[PersxError] = []
    for name in names:
        try:
            with _Shown(name, quiet=as_json) as shown:
                done = train(home, name, shown, scheduled=scheduled)
        except NothingYet as error:
            # Nothing is wrong: whoever trains a new home every night is not to be woken by it.
            click.echo(str(error), err=as_json)
            continue
        except PersxError as error:
            # What is wrong with one pipeline is no reason to leave the others untrained.
            failed.append(error)
            continue
        found.append(done)
        if not as_json:
            _print(done)
    if as_json:
        print_json([each.artifacts[0] for each in found])
    for other in failed[1:]:
        click.echo(f"Error: {other}", err=True)
    if failed:
        raise failed[0]


def _print(done: PipelineStatus) -> None:
    newest = done.artifacts[0]
    trained = newest.trained
    click.echo(f"{done.pipeline}: number {newest.number} recommends now.")
    rows = (
        ("visitors, items, touches", f"{trained.users:,}, {trained.items:,}, {trained.rows:,}"),
        ("seconds", f"{trained.seconds:,.1f}"),
        ("memory of this process, at most", f"{trained.memory / 1e6:,.0f} MB"),
        ("files", f"{newest.bytes / 1e6:,.1f} MB"),
        ("visitors who do not allow it", f"{newest.unwilling:,}" if newest.unwilling else ""),
        ("touches of simulated visitors", f"{newest.simulated:,}" if newest.simulated else ""),
    )
    for label, text in rows:
        if text:
            click.echo(f"  {label:<34} {text}")


class _Shown(Watcher):
    """Shows how a training goes: bars on a terminal, and what it takes, before it is taken."""

    def __init__(self, name: str, *, quiet: bool) -> None:
        self._reading = Progress(f"{name}: reading")
        self._fitting = Progress(name, _STEPS)
        self._quiet = quiet

    def __enter__(self) -> _Shown:
        return self

    def __exit__(self, *_error: object) -> None:
        for each in (self._reading, self._fitting):
            each.__exit__(None, None, None)

    def say(self, text: str) -> None:
        self._reading.__exit__(None, None, None)
        if not self._quiet:
            click.echo(text + ".")

    def reading(self, touches: int, most: int) -> None:
        self._reading.total = most
        self._reading.advance(touches - self._reading.done)

    def fitting(self, share: float, recommender: str) -> None:
        self._fitting.advance(round(share * _STEPS) - self._fitting.done)
