"""Off-policy evaluation of lists: what a pipeline would bring if it explored more, less, or not.

A list is drawn place by place: the best candidate that is left has the probability 1 − ε, each
other one ε ÷ as many as there are. With another share ε′ the same list would have had another
probability; the ratio is the product of (1 − ε′) ÷ (1 − ε) for each place that went to the best one
and of ε′ ÷ ε for each that did not. So every list of the log says something of every share, and
nothing has to be assumed of how people look at lists, or of what one item does to the others.
"""

from __future__ import annotations

from math import comb
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.experiments.off_policy.estimators import (
    LEAST_REWARDED,
    LEAST_SIZE,
    Evaluation,
    Floats,
    Logged,
    evaluate,
)
from persx.experiments.statistics.interval import CONFIDENCE
from persx.model.errors import BadInput

CLIP: Final = 10.0
"""No list counts more than so many times."""

MOST_CUT: Final = 0.01
"""The part of what the asked share would show that may be cut away."""

NEAR: Final = 1e-5
"""Probabilities are logged with six digits."""

TOLD: Final = ("snipw", "ipw")
"""The estimators that are told; without a model, ``dr`` is ``ipw``."""


class SeenLists(NamedTuple):
    """The first list that each of n visitors saw, k places at most.

    Attributes:
        propensity: (n, k) of each item at its place, given those above it; 1 where there was no
            draw, and behind the end of a list.
        explored: (n, k) whether chance gave it the place.
        explore: (n,) the share of places that went to others than the best.
        reward: (n,) 1 where an item of the list was clicked, else 0.
    """

    propensity: Floats
    explored: NDArray[np.bool_]
    explore: Floats
    reward: Floats

    def part(self, kept: NDArray[np.bool_]) -> SeenLists:
        """Return some of them."""
        return SeenLists(
            self.propensity[kept], self.explored[kept], self.explore[kept], self.reward[kept]
        )


class ListsEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What the log's lists tell of another share of exploration, or why they tell nothing.

    Attributes:
        explore: The share that is asked about.
        logged_explore: The share of the log's draws that went to others than the best.
        explored: Lists with at least one such place, and `explored_clicked` those of them of which
            an item was clicked.
        largest_weight: Of all lists, before it is cut.
        clip: No list counts more than so many times; `clipped` is the share of lists that would,
            and `cut` the part of what the asked share would show that is cut away by it: expected,
            not counted, as it hangs on lists that are rare in the log.
        undrawn: Lists that are left out because nothing of them was drawn: of who is held out,
            wants generic content, or came while the pipeline explored nothing.
        inconsistent: Lists that are left out because their probabilities do not fit the share that
            was published then.
        evaluation: With the estimates of `TOLD`.
    """

    explore: float
    logged_explore: float
    explored: int
    explored_clicked: int
    largest_weight: float
    clip: float
    clipped: float
    cut: float
    undrawn: int
    inconsistent: int
    evaluation: Evaluation


def evaluate_lists(
    lists: SeenLists, explore: float, *, clip: float = CLIP, confidence: float = CONFIDENCE
) -> ListsEvaluation:
    """Estimate the share of lists with a click if another share of places were explored.

    By the self-normalised estimator (Swaminathan & Joachims 2015), with ratios cut at `clip`. That
    makes it far less noisy, and biased as far as it cuts: beyond `MOST_CUT` nothing is estimated.

    Raises:
        BadInput: A share is not from 0 to below 1, or the clip is less than 1.
    """
    if not 0 <= explore < 1:
        raise BadInput(
            f"A share of places is from 0 to below 1, not {explore:g}.",
            value=explore,
            hint="Say 0 for no exploration, or 0.1 for a tenth of the places.",
        )
    if not clip >= 1:
        raise BadInput(f"Ratios cannot be cut at {clip:g}.", value=clip, hint="Say 10.")
    fits = _fitting(lists)
    chance = (lists.propensity < 1).any(axis=1)
    inconsistent, undrawn = int((~fits).sum()), int((fits & ~chance).sum())
    lists = lists.part(fits & chance)
    drawn = lists.propensity < 1
    was = lists.explore[:, None]
    best = drawn & ~lists.explored
    tried = drawn & lists.explored
    # Whose share is 0 is not among them.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(best, (1 - explore) / (1 - was), np.where(tried, explore / was, 1.0))
    propensity = lists.propensity.prod(axis=1)
    weight = ratios.prod(axis=1)
    clipped = weight > clip
    target = np.minimum(weight, clip) * propensity
    nothing = np.zeros(len(weight))
    found = evaluate(
        Logged(lists.reward, propensity, target, nothing, nothing), confidence=confidence
    )
    explored = tried.any(axis=1)
    rewarded = int((explored & (lists.reward > 0)).sum())
    cut, expected = _expected(lists, drawn.sum(axis=1), explore, clip)
    refused = (
        _too_few(int(explored.sum()), rewarded) or _too_far(cut, expected, clip) or found.refused
    )
    return ListsEvaluation(
        explore=explore,
        logged_explore=float(tried.sum() / drawn.sum()) if drawn.any() else 0.0,
        explored=int(explored.sum()),
        explored_clicked=rewarded,
        largest_weight=float(weight.max()) if len(weight) else 0.0,
        clip=clip,
        clipped=float(clipped.mean()) if len(clipped) else 0.0,
        cut=cut,
        undrawn=undrawn,
        inconsistent=inconsistent,
        evaluation=msgspec.structs.replace(
            found,
            refused=refused,
            estimates={}
            if refused
            else {name: each for name, each in found.estimates.items() if name in TOLD},
        ),
    )


def _fitting(lists: SeenLists) -> NDArray[np.bool_]:
    """Return whose probabilities are those that the published share makes."""
    p, share = lists.propensity, lists.explore[:, None]
    fits = np.where(lists.explored, p <= share + NEAR, (np.abs(p - (1 - share)) <= NEAR) | (p == 1))
    sound = np.isfinite(p) & (p > 0) & (p <= 1) & fits
    return np.asarray(sound.all(axis=1), dtype=np.bool_)


def _expected(
    lists: SeenLists, draws: NDArray[np.intp], explore: float, clip: float
) -> tuple[float, float]:
    """Return what is cut away of the asked share's lists, and the effective size, as expected.

    How many of a list's draws explore is binomial, under the log's share and under the asked one,
    so both follow from the shares alone; the log's own weights miss what is rare in it.
    """
    count = len(draws)
    if not count:
        return 0.0, 0.0
    cut = squares = 0.0
    for was, several in {*zip(lists.explore.tolist(), draws.tolist(), strict=True)}:
        part = float(((lists.explore == was) & (draws == several)).mean())
        up, down = explore / was, (1 - explore) / (1 - was)
        for tried in range(several + 1):
            weight = up**tried * down ** (several - tried)
            chance = comb(several, tried) * explore**tried * (1 - explore) ** (several - tried)
            if weight > clip:
                cut += part * chance * (1 - clip / weight)
        squares += part * (explore * up + (1 - explore) * down) ** several
    return cut, count / squares


def _too_far(cut: float, expected: float, clip: float) -> str:
    if cut > MOST_CUT:
        return (
            f"{cut:.1%} of what would be shown is too rare in the log: it would be cut away with "
            f"the weights above {clip:g}."
        )
    if expected and expected < LEAST_SIZE:
        return (
            f"The effective sample size is {expected:.1f}, below {LEAST_SIZE}: the log hardly ever "
            "shows what would be shown."
        )
    return ""


def _too_few(explored: int, clicked: int) -> str:
    if explored < LEAST_SIZE:
        return (
            f"Too few explored lists to say: {explored:,} have a place that went to another item "
            f"than the best, and {LEAST_SIZE} are needed."
        )
    if clicked < LEAST_REWARDED:
        return (
            f"Too few clicks on explored lists to say: {clicked:,}, and {LEAST_REWARDED} are "
            "needed."
        )
    return ""
