"""Always-valid lift of a conversion rate: a confidence sequence on the arm's share of conversions.

Of all who convert, a share comes from the arm. Without a difference it is the arm's share of the
visitors; a rate that is r times the control's multiplies its odds by r, whatever the rate is and
however it moves over the days. So conversions are coin tosses, and a beta-binomial mixture of coins
is a bet against each r: the interval holds the ratios that it has not beaten 1 ÷ alpha to one. It
may be looked at as often as you like, and the p-value is that same bet's against "no difference".

Where the split moved, each epoch has coins of its own and one ratio in common, which is what
stratifies it; the mixture is computed by quadrature.

Two ways to say what the share of the visitors is:

- *observed* (the default): as many as came. That takes out the luck of the draw, so that each
  conversion tells more the higher the rates are; the counts are scaled up accordingly. Valid in
  the limit of many visitors, like every confidence sequence for means.
- *planned*: the experiment's own weights. Then the coins are exact and so is the guarantee, at any
  size; it is wider where rates are high, by √(1 ÷ (1 − rate)).

Sources: Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022, for
the coins; Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of
Mathematical Statistics 41 (1970), for the mixture; Ville (1939) for why it may be looked at always.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from persx.experiments.statistics.interval import (
    CONFIDENCE,
    SPREAD,
    Lift,
    check_confidence,
    check_spread,
    high_end,
    low_end,
)
from persx.experiments.statistics.proportions import (
    NO_UPPER_END,
    Counts,
    check_counts,
    undefined_counts,
)
from persx.experiments.statistics.roots import root
from persx.model.errors import BadInput

METHOD: Final = "share of conversions"

_FARTHEST: Final = 300.0
"""Ratios are looked for between e^-300 and e^300; beyond that an end counts as absent."""

_STEP: Final = 0.5
"""The mixture is summed in steps of so many standard deviations: exact to nine digits."""

_LEAST: Final = 1e-18
"""What adds less to the mixture than this share of its peak ends the sum."""

_EXACT: Final = 1e-15
"""An end is found when it moves by no more than this share of 1 + itself."""

_MOST_STEPS: Final = 100
"""Newton's method takes about six; more only where rounding keeps it moving."""


class Coins(NamedTuple):
    """Conversions of the arm and of the control, and the log odds of the arm without a lift.

    Conversions need not be whole: each may weigh as much as it tells.
    """

    treated: float
    controlled: float
    odds: float


def always_valid_lift(
    conversions: int,
    visitors: int,
    control_conversions: int,
    control_visitors: int,
    *,
    planned: float | None = None,
    confidence: float = CONFIDENCE,
    spread: float = SPREAD,
) -> Lift:
    """Return the lift of a conversion rate, to be looked at as often as you like.

    Args:
        conversions: Visitors of the arm who converted.
        visitors: Visitors of the arm.
        control_conversions: Visitors of the control who converted.
        control_visitors: Visitors of the control.
        planned: The arm's planned share among both, for an exact guarantee; none for the visitors
            who came.
        confidence: Confidence that no interval of the whole sequence misses.
        spread: For how large a lift the interval is tightest; see `SPREAD`.

    Raises:
        BadInput: Impossible counts, or a planned share that is none.

    >>> result = always_valid_lift(267, 21_307, 122, 21_306)
    >>> f"{result.lift:+.1%} [{result.low:.1%}, {result.high:.1%}] p = {result.p:.1g}"
    '+118.8% [46.7%, 233.2%] p = 4e-11'
    """
    counts = Counts(conversions, visitors, control_conversions, control_visitors)
    shares = None if planned is None else [planned]
    return share_interval_ratio([counts], planned=shares, confidence=confidence, spread=spread)


def share_interval_ratio(
    strata: Sequence[Counts],
    *,
    planned: Sequence[float] | None = None,
    confidence: float = CONFIDENCE,
    spread: float = SPREAD,
) -> Lift:
    """Return the lift common to all strata, to be looked at as often as you like.

    A stratum in which an arm has no visitors says nothing and is left out. With `planned` shares
    (one for each stratum) the lift is that of the conversions against the plan, which may differ
    a little from the quotient of the rates.

    Raises:
        BadInput: Impossible counts, or planned shares that are none.
    """
    alpha = check_confidence(confidence)
    check_spread(spread)
    for counts in strata:
        check_counts(counts)
    used = [counts for counts in strata if counts.visitors and counts.control_visitors]
    reason = undefined_counts(strata, used)
    if reason:
        return Lift(confidence=confidence, method=METHOD, reason=reason)
    coins = coins_of(strata, planned)
    bet = _Bet(coins, _imagined(used, coins, spread))
    p = math.exp(min(-bet.evidence(0.0), 0.0))
    peak = _peak(coins)
    treated, controlled = (sum(each[side] for each in coins) for side in (0, 1))

    better, worse = p < alpha and peak > 0, p < alpha and peak < 0
    most = -math.log(alpha)
    low = low_end(bet.end(most, peak, -1), better=better) if treated else -1.0
    high = high_end(bet.end(most, peak, +1), worse=worse) if controlled else None
    return Lift(
        lift=_estimate(used, planned, peak, treated, controlled),
        low=low,
        high=high,
        p=p,
        confidence=confidence,
        method=METHOD,
        reason="" if controlled else NO_UPPER_END,
    )


def share_evidence(
    strata: Sequence[Counts],
    log_ratio: float = 0.0,
    *,
    planned: Sequence[float] | None = None,
    spread: float = SPREAD,
) -> float:
    """Return the logarithm of the evidence against a ratio of rates, arm ÷ control.

    An interval of confidence 1 − alpha holds the ratios with evidence up to log(1 ÷ alpha).
    """
    used = [counts for counts in strata if counts.visitors and counts.control_visitors]
    coins = coins_of(strata, planned)
    return _Bet(coins, _imagined(used, coins, spread)).evidence(log_ratio)


def coins_of(strata: Sequence[Counts], planned: Sequence[float] | None = None) -> list[Coins]:
    """Return what the conversions of each stratum with visitors in both arms tell.

    Raises:
        BadInput: A planned share is not between 0 and 1, or there is not one for each stratum.
    """
    if planned is None:
        return [_observed(counts) for counts in strata if counts[1] and counts[3]]
    if len(planned) != len(strata) or not all(0 < share < 1 for share in planned):
        raise BadInput(
            f"The planned shares {list(planned)} do not fit {len(strata)} strata.",
            value=str(list(planned)),
            hint="Give the arm's share of both arms for each stratum, between 0 and 1.",
        )
    return [
        Coins(counts.conversions, counts.control_conversions, _logit(share))
        for counts, share in zip(strata, planned, strict=True)
        if counts.visitors and counts.control_visitors
    ]


def _observed(counts: Counts) -> Coins:
    """Given who came, the log ratio varies (1 − rate) times as much as that of coin tosses."""
    treated, visitors, controlled, control_visitors = counts
    odds = math.log(visitors) - math.log(control_visitors)
    if not treated and not controlled:
        return Coins(0, 0, odds)
    # One imaginary visitor of each kind: a rate of 100% must not tell everything.
    left = 1 - (treated + 1) / (visitors + 2)
    control_left = 1 - (controlled + 1) / (control_visitors + 2)
    scale = (treated + controlled) / (controlled * left + treated * control_left)
    return Coins(treated * scale, controlled * scale, odds)


def _imagined(used: Sequence[Counts], coins: Sequence[Coins], spread: float) -> Coins:
    """Return the prior as conversions that nobody made, split without a lift.

    So many that the log ratio has the standard deviation `spread`.
    """
    visitors = [counts.visitors + counts.control_visitors for counts in used]
    share = sum(n / (1 + math.exp(-coin.odds)) for n, coin in zip(visitors, coins, strict=True))
    share /= sum(visitors)
    conversions = 1 / (spread**2 * share * (1 - share))
    odds = coins[0].odds if len({coin.odds for coin in coins}) == 1 else _logit(share)
    return Coins(conversions * share, conversions * (1 - share), odds)


class _Bet:
    """The mixture over the prior, and its evidence against single ratios.

    Everything is computed relative to the likelihood's greatest value under the prior, so that a
    thousand million conversions cost no digits.
    """

    def __init__(self, coins: Sequence[Coins], prior: Coins) -> None:
        every = _together([*coins, prior])
        self._base = base = _peak(every)
        self._coins = _together(coins)
        self._tosses = [_toss(coin, base) for coin in self._coins]
        tosses = [_toss(coin, base) for coin in every]
        step = _STEP / math.sqrt(_bend(tosses))
        area = 1.0
        for side in (-step, +step):
            part, place = 1.0, 1
            while part > _LEAST and abs(base + place * side) < _FARTHEST:
                part = math.exp(_gain(tosses, place * side))
                area, place = area + part, place + 1
        treated, controlled, odds = prior
        density = treated * _log_chance(odds + base) + controlled * _log_chance(-odds - base)
        density -= (
            math.lgamma(treated) + math.lgamma(controlled) - math.lgamma(treated + controlled)
        )
        self._mixture = math.log(area * step) + density

    def evidence(self, log_ratio: float) -> float:
        """Return the logarithm of what the bet against a log ratio has won."""
        return self._mixture - _gain(self._tosses, log_ratio - self._base)

    def end(self, most: float, peak: float, side: int) -> float:
        """Return the log ratio on a side of the peak at which the evidence comes to `most`.

        By Newton's method: the evidence is convex, so that whatever a first step comes to, all
        further ones approach the end from outside.
        """
        bend = _bend([_toss(coin, peak) for coin in self._coins])
        width = math.sqrt(2 * max(most - self.evidence(peak), 0) / bend) if bend else _FARTHEST
        found = max(-_FARTHEST, min(_FARTHEST, peak + side * width))
        for _ in range(_MOST_STEPS):
            excess = self.evidence(found) - most
            slope = side * _slope(self._tosses, found - self._base)
            if slope >= 0 or (excess <= 0 and abs(found) == _FARTHEST):
                break
            step = side * excess / slope
            next_ = max(-_FARTHEST, min(_FARTHEST, found + step))
            if abs(next_ - found) <= _EXACT * (1 + abs(found)):
                return next_
            found = next_
        return found


class _Toss(NamedTuple):
    """Coins as they fall at a base: how likely each is the control's, and how likely the arm's."""

    treated: float
    controlled: float
    against: float
    chance: float


def _toss(coin: Coins, base: float) -> _Toss:
    odds = coin.odds + base
    return _Toss(coin.treated, coin.controlled, _chance(-odds), _chance(odds))


def _together(coins: Sequence[Coins]) -> list[Coins]:
    """Return coins with what has the same odds added up."""
    found: dict[float, Coins] = {}
    for treated, controlled, odds in coins:
        before = found.get(odds, Coins(0, 0, odds))
        found[odds] = Coins(before.treated + treated, before.controlled + controlled, odds)
    return list(found.values())


def _logit(share: float) -> float:
    return math.log(share) - math.log1p(-share)


def _chance(odds: float) -> float:
    """Return the probability that has these log odds."""
    return 1 / (1 + math.exp(-odds)) if odds > -2 * _FARTHEST else 0.0


def _log_chance(odds: float) -> float:
    return -math.log1p(math.exp(-abs(odds))) - max(-odds, 0.0)


def _gain(tosses: Sequence[_Toss], step: float) -> float:
    """Return by how much the log likelihood rises from the base to so much above it."""
    up, down = math.expm1(step), math.expm1(-step)
    lost = 0.0
    for treated, controlled, against, chance in tosses:
        lost += treated * math.log1p(against * down) + controlled * math.log1p(chance * up)
    return -lost


def _slope(tosses: Sequence[_Toss], step: float) -> float:
    """Return how steeply the log likelihood rises there."""
    up, down = math.exp(step), math.exp(-step)
    slope = 0.0
    for treated, controlled, against, chance in tosses:
        slope += treated * against * down / (1 + against * (down - 1))
        slope -= controlled * chance * up / (1 + chance * (up - 1))
    return slope


def _bend(tosses: Sequence[_Toss]) -> float:
    """Return how fast the log likelihood's slope falls at the base."""
    return sum((each[0] + each[1]) * each.against * each.chance for each in tosses)


def _peak(coins: Sequence[Coins]) -> float:
    """Return the log ratio of greatest likelihood, at the edge where it has none."""
    peaks = [_own_peak(coin) for coin in _together(coins) if coin.treated or coin.controlled]

    def rise(log_ratio: float) -> float:
        return sum(
            coin.treated - (coin.treated + coin.controlled) * _chance(coin.odds + log_ratio)
            for coin in coins
        )

    # It lies among those of the single coins.
    return root(rise, min(peaks), max(peaks)) if min(peaks) < max(peaks) else peaks[0]


def _own_peak(coin: Coins) -> float:
    if coin.treated and coin.controlled:
        return math.log(coin.treated) - math.log(coin.controlled) - coin.odds
    return _FARTHEST if coin.treated else -_FARTHEST


def _estimate(
    used: Sequence[Counts],
    planned: Sequence[float] | None,
    peak: float,
    treated: float,
    controlled: float,
) -> float | None:
    if not controlled:
        return None
    if not treated:
        return -1.0
    if len(used) == 1 and planned is None:
        only = used[0]
        return (only.conversions * only.control_visitors) / (
            only.visitors * only.control_conversions
        ) - 1
    return math.expm1(peak)
