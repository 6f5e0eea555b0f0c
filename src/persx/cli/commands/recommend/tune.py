"""`persx recommend tune`: a pipeline's options and weights, chosen by the home's own log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import yaml

from persx.app.judging_log import TunedPipeline, tune_pipeline
from persx.cli.commands.recommend.own_log import how_of, opened, print_figures
from persx.cli.options import home_option, json_option, print_json
from persx.cli.progress import Progress
from persx.recommend.evaluation.metrics import RANKING
from persx.recommend.evaluation.tuning import as_document


@click.command("tune")
@click.argument("pipeline", default="", metavar="[PIPELINE]")
@click.option(
    "--metric",
    type=click.Choice(list(RANKING)),
    default="ndcg",
    show_default=True,
    help="What shall be great.",
)
@click.option(
    "--k",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    metavar="N",
    help="How many places count.",
)
@click.option(
    "--trials",
    type=click.IntRange(1, 10_000),
    default=30,
    show_default=True,
    metavar="N",
    help="How many settings are tried at most.",
)
@click.option(
    "--test",
    default="",
    metavar="LENGTH",
    help="How much of the newest time is the test, as 7d, and as much before it what is chosen "
    "by; the newest fifth unless set.",
)
@click.option("--on-item", is_flag=True, help="As on the page of the item touched last.")
@click.option("--again", is_flag=True, help="What was touched before is right, too.")
@click.option("--seed", default=0, show_default=True, metavar="N", help="The order of trials.")
@home_option(must_exist=True)
@json_option
def command(
    pipeline: str,
    metric: str,
    k: int,
    trials: int,
    test: str,
    on_item: bool,
    again: bool,
    seed: int,
    home: Path,
    as_json: bool,
) -> None:
    """Find better options and weights for a pipeline, and tell what they are worth.

    They are chosen by one part of the log's time, and judged by a newer one. Nothing is changed:
    what is printed can be put into pipelines.yaml.

    \b
    Example:  persx recommend tune for-you --home shop --trials 50
    """
    how = how_of(test, [k], anchored=on_item, again=again, seed=seed)
    view = opened(home, pipeline)
    name = f"{metric}@{k}"
    with Progress(f"Tuning {view.plan.name}", trials) as progress:
        found = tune_pipeline(
            view, how, name, trials, lambda tried: progress.advance(tried - progress.done)
        )
    if as_json:
        print_json(_result(view.plan.name, found))
        return
    tuned = found.tuned
    click.echo(
        f"{view.plan.name}: {tuned.tried} settings tried by {found.validated:,} visitors, where "
        f"{name} went from {tuned.start:.3f} to {tuned.best:.3f}; by {found.cases:,} later ones:"
    )
    print_figures(found.figures, k, "as it is")
    if tuned.sources == view.plan.pipeline.sources:
        click.echo("Nothing did better: keep it as it is.")
        return
    worth = found.figures[1].against[name]
    if worth.low <= 0:
        click.echo("It cannot be told from chance: keep what you have.")
    click.echo(yaml.safe_dump({"sources": as_document(tuned.sources)}, sort_keys=False).rstrip())


def _result(pipeline: str, found: TunedPipeline) -> dict[str, Any]:
    tuned = found.tuned
    return {
        "pipeline": pipeline,
        "tried": tuned.tried,
        "chosen_by": found.validated,
        "start": tuned.start,
        "best": tuned.best,
        "cases": found.cases,
        "sources": as_document(tuned.sources),
        "figures": found.figures,
    }
