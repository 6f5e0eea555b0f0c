"""Models of `implicit` on the same files, with the same metrics; printed as `persx` prints them."""

from __future__ import annotations

import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from persx.app.evaluating import read_trial
from persx.recommend.evaluation.formats import FORMATS
from persx.recommend.evaluation.metrics import RANKING, Lists
from persx.recommend.evaluation.trial import Trial

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from implicit.als import AlternatingLeastSquares
    from implicit.bpr import BayesianPersonalizedRanking
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender

SEED: Final = 20

# The `alpha` of ALS is what a touch weighs, compared with 1 for a pair without one.
MODELS: Final[dict[str, Callable[..., Any]]] = {
    "ALS": lambda **options: AlternatingLeastSquares(
        random_state=SEED, num_threads=1, use_gpu=False, **options
    ),
    "BPR": lambda **options: BayesianPersonalizedRanking(
        random_state=SEED, num_threads=1, use_gpu=False, **options
    ),
    "BM25": lambda **options: BM25Recommender(num_threads=1, **options),
    "cosine": lambda **options: CosineRecommender(num_threads=1, **options),
}


def judged(model: Any, trial: Trial, cuts: list[int]) -> dict[str, Any]:
    """Fit a model and ask it every case, one by one as a server would."""
    matrix = trial.train.matrix()
    begun = time.perf_counter()
    model.fit(matrix, show_progress=False)
    fit_seconds = time.perf_counter() - begun
    most = max(cuts)
    items = np.full((len(trial.cases), most), -1, dtype=np.int32)
    hits = np.zeros(items.shape, dtype=bool)
    took = np.empty(len(trial.cases))
    owners = _owners(trial)
    for number, case in enumerate(trial.cases):
        user = owners[number]
        # Who was not fitted is asked by items alone, which is all that neighbours look at.
        row = _row(case.query.items, matrix.shape[1]) if user is None else matrix[user]
        begun = time.perf_counter()
        found, _ = model.recommend(user or 0, row, N=most, filter_already_liked_items=trial.exclude)
        took[number] = (time.perf_counter() - begun) * 1_000
        items[number, : len(found)] = found
        hits[number] = np.isin(items[number], case.wanted)
    wanted = np.array([len(case.wanted) for case in trial.cases])
    lists = Lists(items, hits, wanted)
    return {
        **{f"{name}@{k}": metric(lists.first(k)) for k in cuts for name, metric in RANKING.items()},
        "fit_seconds": fit_seconds,
        "lookup_ms_p50": float(np.percentile(took, 50)),
        "lookup_ms_p99": float(np.percentile(took, 99)),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024,
    }


def _row(items: NDArray[np.int32], count: int) -> sparse.csr_matrix:
    items = np.unique(items)
    ones = np.ones(len(items), dtype=np.float32)
    return sparse.csr_matrix((ones, items, [0, len(items)]), shape=(1, count))


def _owners(trial: Trial) -> list[int | None]:
    """Return the user of each case: the first with just these training items, if there is one."""
    data = trial.train
    starts = np.searchsorted(data.users, np.arange(data.user_count + 1))
    of: dict[bytes, int] = {}
    for user in range(data.user_count):
        of.setdefault(data.items[starts[user] : starts[user + 1]].tobytes(), user)
    return [of.get(case.query.items.tobytes()) for case in trial.cases]


@click.command()
@click.option("--train", type=click.Path(path_type=Path), required=True)
@click.option("--test", type=click.Path(path_type=Path))
@click.option("--format", "form", default="interactions")
@click.option("--recommender", type=click.Choice(list(MODELS)), required=True)
@click.option("--param", "params", multiple=True)
@click.option("--k", "cuts", default="20")
@click.option("--validation", is_flag=True)
@click.option("--json", is_flag=True, expose_value=False)
def main(
    train: Path,
    test: Path | None,
    form: str,
    recommender: str,
    params: tuple[str, ...],
    cuts: str,
    validation: bool,
) -> None:
    """Judge a model of `implicit`."""
    options = {}
    for each in params:
        name, _, value = each.partition("=")
        options[name] = float(value) if "." in value else int(value)
    trial = read_trial(FORMATS[form], train, test, validation=validation)
    found = judged(MODELS[recommender](**options), trial, [int(each) for each in cuts.split(",")])
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
