"""`persx recommend evaluate`: how well a recommender finds what was touched later."""

from __future__ import annotations

import resource
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import numpy as np

from persx.app.evaluating import read_trial, segments_of, tagged
from persx.cli.commands.recommend.off_policy import evaluate_exploration
from persx.cli.commands.recommend.own_log import evaluate_log, how_of
from persx.cli.options import existing, home_option, json_option, print_json
from persx.cli.progress import Progress, waiting
from persx.model.errors import BadInput
from persx.recommend.evaluation.formats import FORMATS
from persx.recommend.evaluation.judging import Judged, judge
from persx.recommend.evaluation.segments import SEGMENTS
from persx.recommend.options import read_options
from persx.recommend.recommenders import RECOMMENDERS

if TYPE_CHECKING:
    from rich.table import Table

_STEPS: Final = 1_000


@click.command("evaluate")
@click.argument("pipeline", default="", metavar="[PIPELINE]")
@click.option(
    "--train",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What is learned from; plain text, or packed by gzip.",
)
@click.option(
    "--test",
    metavar="FILE|LENGTH",
    help="What is asked for. Sequences need none: the last item of each user is the test. Of a "
    "pipeline's log: how much of the newest time, as 7d; the newest fifth unless set.",
)
@click.option(
    "--format",
    "form",
    default="interactions",
    show_default=True,
    metavar=f"[{'|'.join(FORMATS.names)}]",
    help="What a line of the files is.",
)
@click.option(
    "--recommender",
    metavar="NAME",
    help=f"One of: {', '.join(RECOMMENDERS.names)}.",
)
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="K=V",
    help="An option of the recommender; may be given several times.",
)
@click.option(
    "--k", "cuts", default="10,20", show_default=True, metavar="N,N", help="How many places count."
)
@click.option(
    "--validation",
    is_flag=True,
    help="Judge by a part of the training file, to choose options by.",
)
@click.option(
    "--exclude-seen/--include-seen",
    default=None,
    help="Whether what was touched in training cannot be a right answer (all but sessions: so).",
)
@click.option(
    "--segments",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="'user segment' a line: figures for each segment; by length of history without it.",
)
@click.option(
    "--tags",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What the items are, for recommenders that ask: JSON, item → list of tags.",
)
@click.option(
    "--segment",
    multiple=True,
    type=click.Choice(list(SEGMENTS)),
    help="Of a log: tell how it does for each such segment only; may be given several times.",
)
@click.option("--on-item", is_flag=True, help="Of a log: as on the page of the item touched last.")
@click.option(
    "--again/--new",
    default=None,
    help="Of a log: what was touched before is right, too, or not; unless set, it is where the "
    "pipeline is there to bring it back, as `replenishment` is.",
)
@click.option(
    "--seed", default=0, show_default=True, metavar="N", help="Of a log: which moments are drawn."
)
@click.option(
    "--off-policy",
    is_flag=True,
    help="What exploring another share of places would bring in clicks, by lists that were seen.",
)
@click.option(
    "--explore",
    type=float,
    default=0.0,
    show_default=True,
    metavar="SHARE",
    help="With --off-policy: the share of places that would be explored.",
)
@home_option()
@json_option
def command(
    pipeline: str,
    train: Path | None,
    test: str | None,
    form: str,
    recommender: str | None,
    params: tuple[str, ...],
    cuts: str,
    validation: bool,
    exclude_seen: bool | None,
    segments: Path | None,
    tags: Path | None,
    segment: tuple[str, ...],
    on_item: bool,
    again: bool | None,
    seed: int,
    off_policy: bool,
    explore: float,
    home: Path,
    as_json: bool,
) -> None:
    """Judge a pipeline by the home's own log, or a recommender by files: all items are ranked.

    A pipeline, each of its sources alone, and popularity are fitted to what happened first, and
    asked about visitors who came later; intervals tell what may be chance.

    With --off-policy it is the pipeline's exploration that is judged, by clicks on lists as they
    were shown, with the probabilities that the log has.

    Interactions are 'user item item …' a line, in both files. Sequences are the same in time
    order, and the last item of each is the test. Sessions are 'item item …' a line; their test
    has 'item item … TAB target'.

    \b
    Example:  persx recommend evaluate for-you --home shop --test 7d
              persx recommend evaluate for-you --off-policy --explore 0.1 --home shop
              persx recommend evaluate --train train.txt --test test.txt \\
                  --recommender local_ease --param regularization=50 --k 10,20
              persx recommend evaluate --format sequences --train Beauty.txt --recommender ease
              persx recommend evaluate --format sessions --train sessions.txt.gz \\
                  --test test.tsv.gz --recommender cooccurrence --json
    """
    if off_policy:
        evaluate_exploration(existing(home), pipeline, explore, as_json=as_json)
        return
    if train is None:
        how = how_of(test or "", _cuts(cuts), anchored=on_item, again=again, seed=seed)
        evaluate_log(existing(home), pipeline, how, segments=segment, as_json=as_json)
        return
    if pipeline or recommender is None:
        raise BadInput(
            "A recommender is judged by files.",
            hint="Name it with --recommender, or leave --train out to judge a pipeline.",
        )
    asked = RECOMMENDERS[recommender]
    config = read_options(asked, _params(params))
    places = _cuts(cuts)
    parts = None if segments is None else segments_of(segments)
    with waiting("Reading"):
        trial = read_trial(
            FORMATS[form], train, Path(test) if test else None, validation=validation
        )
    if tags is not None:
        trial = trial._replace(train=replace(trial.train, catalogue=tagged(tags)))
    if exclude_seen is not None:
        trial = trial._replace(exclude=exclude_seen)
    stated = asked.memory(trial.train, config)
    with Progress(recommender, _STEPS) as progress:
        judged = judge(
            asked,
            config,
            trial,
            cuts=places,
            segments=parts,
            progress=lambda share: progress.advance(round(share * _STEPS) - progress.done),
        )
    if as_json:
        print_json(_result(judged, recommender, config, stated))
    else:
        _print(judged, recommender, places, stated)


def _params(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise BadInput(f"'{each}' is no option.", value=each, hint="Say --param name=value")
        found[name.strip()] = value.strip()
    return found


def _cuts(given: str) -> list[int]:
    try:
        found = sorted({int(each) for each in given.split(",")})
    except ValueError:
        found = []
    if not found or not 1 <= found[0] <= found[-1] <= 1_000:
        raise BadInput(
            f"--k cannot be '{given}'.", value=given, hint="Say numbers from 1 to 1,000: --k 10,20"
        )
    return found


def _peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1_024


def _result(judged: Judged, recommender: str, config: Any, stated: int) -> dict[str, Any]:
    low, high = np.percentile(judged.lookup_ms, [50, 99])
    return {
        "recommender": recommender,
        "params": config,
        **judged.metrics,
        "cases": judged.cases,
        "items": judged.items,
        "fit_seconds": judged.fit_seconds,
        "lookup_ms_p50": float(low),
        "lookup_ms_p99": float(high),
        "memory": _peak(),
        "memory_stated": stated,
        "segments": judged.segments,
    }


def _print(judged: Judged, recommender: str, cuts: list[int], stated: int) -> None:
    from rich.console import Console

    console = Console()
    low, high = np.percentile(judged.lookup_ms, [50, 99])
    console.print(
        f"[bold]{recommender}[/]: {judged.cases:,} cases, {judged.items:,} items; "
        f"fitted in {judged.fit_seconds:.2f} s; an answer takes {low:.2f} ms, "
        f"99 of 100 at most {high:.2f} ms; at most {_peak() / 1e6:,.0f} MB of memory "
        f"({stated / 1e6:,.0f} MB of them expected for fitting)",
        highlight=False,
    )
    table = _table("of", [f"first {k}" for k in cuts])
    for name in dict.fromkeys(key.rpartition("@")[0] for key in judged.metrics):
        table.add_row(name, *(_shown(judged.metrics[f"{name}@{k}"]) for k in cuts))
    console.print(table)
    last = cuts[-1]
    table = _table("segment", ["cases", *(f"{name}@{last}" for name in ("recall", "ndcg", "hr"))])
    for name, figures in judged.segments.items():
        table.add_row(
            name,
            f"{figures['cases']:,.0f}",
            *(_shown(figures[f"{metric}@{last}"]) for metric in ("recall", "ndcg", "hr")),
        )
    console.print(table)


def _table(first: str, titles: list[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first)
    for title in titles:
        table.add_column(title, justify="right")
    return table


def _shown(figure: float | None) -> str:
    return "none" if figure is None else f"{figure:.4f}"
