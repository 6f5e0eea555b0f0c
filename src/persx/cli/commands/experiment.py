"""`persx experiment`: list experiments, try A/A, let more join, stop, keep the winner."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.experimenting import (
    LIST,
    PROMOTE,
    RAMP,
    START_AA,
    STOP,
    ExperimentRequest,
    ExperimentsRequest,
)
from persx.app.publishing import PublishResult
from persx.app.use_cases import UseCase
from persx.cli.options import author, home_option, json_option, print_json
from persx.model.experiment import Experiment

_KEY = click.argument("key", metavar="KEY")
_TRAFFIC = click.FloatRange(min=0, max=1)


@click.group("experiment")
def command() -> None:
    """List, try, ramp and stop experiments; keep winners.

    An experiment begins when a workspace that declares it is published. Its arms, target and
    goals stay as they were then; see docs/guides/experiments.md.

    \b
    Example:  persx experiment list --home shop
              persx experiment promote hero-test industry --home shop
    """


@command.command("list")
@home_option(must_exist=True)
@json_option
def list_all(home: Path, as_json: bool) -> None:
    """List the experiments that are served.

    \b
    Example:  persx experiment list --home shop
    """
    found = call(home, LIST, ExperimentsRequest())
    if as_json:
        print_json(found)
        return
    for experiment in found.experiments.values():
        click.echo(_line(experiment))
    if not found.experiments:
        click.echo(
            "No experiment is served. Begin one in experiments/KEY.yaml, or try\n"
            f"  persx experiment aa my-first-test --home {home}"
        )


@command.command("aa")
@_KEY
@click.option(
    "--block",
    "blocks",
    multiple=True,
    metavar="NAME",
    help="A block, or PAGE/*; may be repeated. Without it, all blocks.",
)
@click.option(
    "--traffic", type=_TRAFFIC, default=1.0, show_default=True, help="Share that takes part."
)
@home_option(must_exist=True)
@json_option
def start_aa(key: str, blocks: tuple[str, ...], traffic: float, home: Path, as_json: bool) -> None:
    """Start an A/A test: two arms that show the same, to see that measuring works.

    \b
    Example:  persx experiment aa first-aa --block hero --home shop
    """
    request = ExperimentRequest(key=key, blocks=blocks, traffic=traffic, author=author())
    _do(home, START_AA, request, as_json, f"Read it with  persx report {key} --home {home}")


@command.command("ramp")
@_KEY
@click.argument("traffic", type=_TRAFFIC, metavar="SHARE")
@home_option(must_exist=True)
@json_option
def ramp(key: str, traffic: float, home: Path, as_json: bool) -> None:
    """Let a larger share of visitors join; those who take part keep their arm.

    \b
    Example:  persx experiment ramp hero-test 0.5 --home shop
    """
    request = ExperimentRequest(key=key, traffic=traffic, author=author())
    _do(home, RAMP, request, as_json, f"{traffic:.0%} of its layer take part.")


@command.command("stop")
@_KEY
@home_option(must_exist=True)
@json_option
def stop(key: str, home: Path, as_json: bool) -> None:
    """Stop an experiment; everybody is targeted as without it, and its report stays.

    \b
    Example:  persx experiment stop hero-test --home shop
    """
    request = ExperimentRequest(key=key, author=author())
    _do(home, STOP, request, as_json, f"Its report stays:  persx report {key} --home {home}")


@command.command("promote")
@_KEY
@click.argument("arm", metavar="ARM")
@home_option(must_exist=True)
@json_option
def promote(key: str, arm: str, home: Path, as_json: bool) -> None:
    """Stop an experiment and show everybody whom it targets what one arm showed.

    The holdout stays held out. To take it back:  persx rollback N

    \b
    Example:  persx experiment promote hero-test industry --home shop
    """
    request = ExperimentRequest(key=key, arm=arm, author=author())
    _do(home, PROMOTE, request, as_json, f"Everybody whom it targets gets the arm '{arm}'.")


def _do(
    home: Path,
    use_case: UseCase[ExperimentRequest, PublishResult],
    request: ExperimentRequest,
    as_json: bool,
    told: str,
) -> None:
    done = call(home, use_case, request)
    if as_json:
        print_json(done)
    elif done.unchanged:
        click.echo(f"Nothing has changed: snapshot {done.number} is active already.")
    else:
        click.echo(f"Snapshot {done.number} is active. {told}")


def _line(experiment: Experiment) -> str:
    arms = ", ".join(f"{arm.name} {arm.weight:g}" for arm in experiment.arms)
    state = f"won by {experiment.winner}" if experiment.winner else experiment.status
    share = f"{experiment.traffic:.0%} of layer {experiment.layer or experiment.key}"
    return f"{experiment.key}: {state}, epoch {experiment.epoch}, {share}; arms {arms}"
