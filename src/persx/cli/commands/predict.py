"""`persx predict`: models that guess what visitors did not say are trained, shown, chosen, off."""

from __future__ import annotations

from pathlib import Path

import click

from persx.app.commands import call
from persx.app.predicting import (
    PREDICT_ACTIVATE,
    PREDICT_OFF,
    PREDICT_SHOW,
    PREDICT_TRAIN,
    in_words,
)
from persx.app.predictions import Predicted, PredictRequest, TrainedModel
from persx.cli.options import home_option, json_option, print_json
from persx.cli.progress import waiting
from persx.model.clock import iso
from persx.model.errors import Conflict

_ATTRIBUTE = click.argument("attribute", metavar="[ATTRIBUTE]", default="")


@click.group("predict")
def command() -> None:
    """Train models that guess what visitors did not say.

    ATTRIBUTE is one that the workspace predicts; it may be left out where there is only one. A
    model is used only if it passes its test on the visitors who declared last.

    \b
    Example:  persx predict train --home shop
              persx predict show --home shop
    """


@command.command("train")
@_ATTRIBUTE
@home_option(must_exist=True)
@json_option
def train(attribute: str, home: Path, as_json: bool) -> None:
    """Train a model from the visitors who declared, test it, and use it if it passes.

    Where it does not pass, it stays off: the figures say why, and the exit code is 3.

    \b
    Example:  persx predict train likely_industry --home shop
    """
    with waiting("Training"):
        result = call(home, PREDICT_TRAIN, PredictRequest(name=attribute))
    if as_json:
        print_json(result)
    else:
        _print_model(result.model)
    if not result.activated:
        raise Conflict(in_words(result))
    if not as_json:
        click.echo(in_words(result))


@command.command("show")
@_ATTRIBUTE
@home_option(must_exist=True)
@json_option
def show(attribute: str, home: Path, as_json: bool) -> None:
    """Show the models of each predicted attribute, with the figures of their tests.

    \b
    Example:  persx predict show --home shop
    """
    found = call(home, PREDICT_SHOW, PredictRequest(name=attribute))
    if as_json:
        print_json(found)
        return
    if not found.attributes:
        click.echo("The workspace predicts nothing.")
    for each in found.attributes:
        _print_predicted(each)
        for model in each.models[:1]:
            _print_model(model)


@command.command("activate")
@click.argument("number", type=click.IntRange(min=1), metavar="NUMBER")
@_ATTRIBUTE
@home_option(must_exist=True)
@json_option
def activate(number: int, attribute: str, home: Path, as_json: bool) -> None:
    """Use an earlier model again; one that did not pass its test is refused.

    \b
    Example:  persx predict activate 3 --home shop
    """
    _told(call(home, PREDICT_ACTIVATE, PredictRequest(name=attribute, number=number)), as_json)


@command.command("off")
@_ATTRIBUTE
@home_option(must_exist=True)
@json_option
def off(attribute: str, home: Path, as_json: bool) -> None:
    """Guess nothing any more; the models are kept.

    \b
    Example:  persx predict off --home shop
    """
    _told(call(home, PREDICT_OFF, PredictRequest(name=attribute)), as_json)


def _told(found: Predicted, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        _print_predicted(found)


def _print_predicted(found: Predicted) -> None:
    state = f"model {found.active} is used" if found.active else "off"
    often = f"trained anew every {found.every}" if found.every else "trained when asked"
    click.echo(f"{found.name}  guesses {found.of} from {found.confidence:g} on, {often}: {state}")
    for model in found.models:
        mark = "*" if model.active else " "
        figures = model.training.figures
        passed = "passed" if not model.training.objections else "stays off"
        label = "  simulated visitors" if model.training.simulated else ""
        click.echo(
            f"{mark} {model.number:>4}  {iso(model.made)}  log loss {figures.loss:.3f} "
            f"(base rate {figures.base_loss:.3f})  ECE {figures.ece:.3f}  {passed}{label}"
        )
    if found.tried:
        click.echo(f"Last trained by itself at {iso(found.tried.at)}: {found.tried.outcome}")


def _print_model(model: TrainedModel) -> None:
    told, figures = model.training, model.training.figures
    if told.simulated:
        click.secho(
            f"SIMULATED: {told.simulated:,} of {told.declared:,} visitors are simulated; these "
            "figures say nothing about people.",
            fg="yellow",
        )
    click.echo(f"Model {model.number}, {told.method}, {told.traces:,} traces")
    rows = (
        ("visitors who declared", f"{told.declared:,}"),
        ("trained / calibrated / tested", f"{told.trained:,} / {told.calibrated:,} / "
         f"{figures.visitors:,}"),
        ("tested on declarations", f"{iso(told.test_from)[:16]} to {iso(told.test_to)[:16]}"),
        ("visitors who did not declare", f"{told.others:,}"),
        ("left out", ", ".join(f"{count:,} {why}" for why, count in told.left_out.items())),
        ("values", ", ".join(f"{value} {count:,}" for value, count in told.values.items())),
        ("told apart", ", ".join(told.classes)),
        ("log loss", f"{figures.loss:.4f}, base rate {figures.base_loss:.4f}: "
         f"{figures.difference:+.4f} ({figures.low:+.4f} to {figures.high:+.4f})"),
        ("expected calibration error", f"{figures.ece:.4f}, by chance {figures.ece_by_chance:.4f}, "
         f"{len(figures.bins)} bins of equal size"),
        (f"reach {figures.confidence:g}", f"{figures.used:,} of {figures.visitors:,} "
         f"({figures.coverage:.0%}), {figures.accuracy:.0%} right "
         f"({figures.right_low:.0%} to {figures.right_high:.0%})"),
        ("left out as telling of declaring", ", ".join(told.leaking[:8])),
    )  # fmt: skip
    for label, text in rows:
        if text:
            click.echo(f"  {label:<34} {text}")
    click.echo("  probability → share that was right")
    for each in figures.bins:
        click.echo(f"    {each.confidence:.3f} → {each.accuracy:.3f}  ({each.visitors:,})")
