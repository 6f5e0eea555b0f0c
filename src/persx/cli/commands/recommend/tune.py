"""`persx recommend tune`: a pipeline's options and weights, chosen by the home's own log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import yaml

from persx.app.commands import call
from persx.app.judging_log import TunedPipeline, tune_pipeline
from persx.app.writing_tuned import WRITE, WriteRequest, WriteResult
from persx.cli.commands.recommend.own_log import (
    difference,
    how_of,
    opened,
    print_again,
    print_figures,
    print_unknown,
    unknown,
)
from persx.cli.options import author, home_option, json_option, print_json
from persx.cli.progress import Progress
from persx.model.errors import PersxError
from persx.recommend.evaluation.metrics import RANKING
from persx.recommend.evaluation.tuning import Sources, as_document


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
@click.option(
    "--again/--new",
    default=None,
    help="What was touched before is right, too, or not; unless set, it is where the "
    "pipeline is there to bring it back, as `replenishment` is.",
)
@click.option("--seed", default=0, show_default=True, metavar="N", help="The order of trials.")
@click.option(
    "--write",
    is_flag=True,
    help="Write what is better into the home's draft of pipelines.yaml; nothing is published.",
)
@home_option(must_exist=True)
@json_option
def command(
    pipeline: str,
    metric: str,
    k: int,
    trials: int,
    test: str,
    on_item: bool,
    again: bool | None,
    seed: int,
    write: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Find better options and weights for a pipeline, and tell what they are worth.

    Blend weights, decays and what one part counts beside another are tried first, then the other
    options. They are chosen by one part of the log's time, and judged by a newer one. What is
    found is printed; with --write it is put into the home's pipelines.yaml, as a draft, where it
    is better beyond chance, and nothing is written where it is not.

    \b
    Example:  persx recommend tune for-you --home shop --trials 50
              persx recommend tune for-you --home shop --write && persx publish --home shop
    """
    how = how_of(test, [k], anchored=on_item, again=again, seed=seed)
    view = opened(home, pipeline, how, tuning=True)
    name = f"{metric}@{k}"
    with Progress(f"Tuning {view.plan.name}", trials) as progress:
        found = tune_pipeline(
            view, how, name, trials, lambda tried: progress.advance(tried - progress.done)
        )
    tuned, start = found.tuned, view.plan.pipeline.sources
    worth = found.figures[1].against[name]
    better = tuned.sources != start and worth.low > 0
    written: WriteResult | None = None
    if write and better:
        request = WriteRequest(
            pipeline=view.plan.name,
            start=start,
            sources=tuned.sources,
            worth=f"{name} {difference(worth)}",
            author=author(),
        )
        try:
            written = call(home, WRITE, request)
        except PersxError:
            # What was found is not lost with it.
            if not as_json:
                click.echo(_document(tuned.sources))
            raise
    if as_json:
        print_json({**_result(view.plan.name, found, better, written), **unknown(view)})
        return
    click.echo(
        f"{view.plan.name}: {tuned.tried} settings tried by {found.validated:,} visitors, where "
        f"{name} went from {tuned.start:.3f} to {tuned.best:.3f}; by {found.cases:,} later ones:"
    )
    print_again(view)
    print_figures(found.figures, k, "as it is")
    unwritten = " Nothing is written." if write else ""
    print_unknown(view.past)
    if tuned.sources == start:
        click.echo(f"Nothing did better than what you have: keep it as it is.{unwritten}")
        return
    if not better:
        click.echo(
            "It is no better than what you have, as far as can be told from chance: keep that."
            + unwritten
        )
    click.echo(_document(tuned.sources))
    if written is not None:
        click.echo(f"Written into the draft of {written.file}: {', '.join(written.written)}")
        click.echo(f"It recommends once it is published and trained: persx publish --home {home}")


def _document(sources: Sources) -> str:
    return yaml.safe_dump({"sources": as_document(sources)}, sort_keys=False).rstrip()


def _result(
    pipeline: str, found: TunedPipeline, better: bool, written: WriteResult | None
) -> dict[str, Any]:
    tuned = found.tuned
    return {
        "pipeline": pipeline,
        "tried": tuned.tried,
        "chosen_by": found.validated,
        "start": tuned.start,
        "best": tuned.best,
        "cases": found.cases,
        "better": better,
        "written": written,
        "sources": as_document(tuned.sources),
        "figures": found.figures,
    }
