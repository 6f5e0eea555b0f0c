"""Lifts, intervals and p-values from visitors: what `reproduce.py` computes a readout with.

It needs Python and numpy, and shares no code with persx. Every lift is a tuple: the estimate, both
ends of its interval, and p; what is undefined is none.
"""

import math
from statistics import NormalDist

import numpy as np

SPREAD = 0.3  # How large lifts usually are: the standard deviation of their logarithm.
FARTHEST = 300.0  # Ratios are looked for between e^-300 and e^300.
NOTHING = (None, None, None, None)


def edge(inside, near, far):
    """The last point that is inside, on the way from one that is to one that may not be."""
    if inside(far):
        return far
    while (middle := (near + far) / 2) not in (near, far):
        near, far = (middle, far) if inside(middle) else (near, middle)
    return near


def ratio_less_one(log_ratio):
    """A lift; beyond all numbers it is none."""
    return None if log_ratio > 700 else math.expm1(log_ratio)


# Conversions, always valid. Of those who convert a share comes from the arm; a rate r times the
# control's multiplies its odds by r. So conversions are tosses of coins whose log odds are known
# but for log r: a mixture of coins bets against each r (Robbins 1970; Lindon and Malek 2022).


def gain(coins, base, step):
    """By how much the log likelihood rises from the log ratio `base` to `base + step`."""
    return sum(
        ours * step - (ours + theirs) * np.log1p(np.expm1(step) / (1 + math.exp(-odds - base)))
        for ours, theirs, odds in coins
    )


def summit(coins):
    """Log ratio of the greatest likelihood."""

    def rises(x):
        return sum(a - (a + b) / (1 + math.exp(-odds - x)) for a, b, odds in coins) > 0

    return edge(rises, -FARTHEST, FARTHEST)


def log_area(coins, base):
    """Logarithm of the likelihood's integral, relative to its height at `base`, its summit."""
    chances = [1 / (1 + math.exp(-odds - base)) for *_, odds in coins]
    bend = sum((a + b) * q * (1 - q) for (a, b, _), q in zip(coins, chances, strict=True))
    step = 0.25 / math.sqrt(bend)
    return math.log(np.exp(gain(coins, base, np.arange(-240, 241) * step)).sum() * step)


def share_lift(strata, alpha):
    """Lift, interval and p of a conversion rate, for all looks; strata are (x1, n1, x0, n0)."""
    coins = []
    for x1, n1, x0, n0 in strata:
        # Given who came, the log ratio varies 1 - rate times as much as that of tosses.
        below = x0 * (1 - (x1 + 1) / (n1 + 2)) + x1 * (1 - (x0 + 1) / (n0 + 2))
        scale = (x1 + x0) / below if below else 0.0
        coins.append((x1 * scale, x0 * scale, math.log(n1 / n0)))
    share = sum(each[1] for each in strata) / sum(each[1] + each[3] for each in strata)
    tosses = 1 / (SPREAD**2 * share * (1 - share))
    prior = [(tosses * share, tosses * (1 - share), math.log(share / (1 - share)))]
    base = summit(coins + prior)
    won = log_area(coins + prior, base) + gain(prior, 0.0, base) - log_area(prior, 0.0)

    def evidence(log_ratio):
        return won - gain(coins, base, log_ratio - base)

    def inside(log_ratio):
        return evidence(log_ratio) <= -math.log(alpha)

    best = summit(coins)
    ends = [math.expm1(edge(inside, best, far)) for far in (-FARTHEST, FARTHEST)]
    return math.expm1(best), *ends, math.exp(min(-evidence(0.0), 0.0))


# Conversions, for one look: the score interval of a ratio of proportions (Koopman 1984),
# stratified (Gart and Nam 1988).


def score(log_ratio, strata):
    """Standardised score of a ratio: positive where the data speak for a larger one."""
    ratio, total, variance, size = math.exp(log_ratio), 0.0, 0.0, 0.0
    for x1, n1, x0, n0 in strata:
        # Rates fitted under the constraint p1 = ratio * p0: a quadratic in p0.
        left, right = ratio * (n1 + x0), n0 + x1
        root = math.sqrt((left - right) ** 2 + 4 * ratio * (n1 - x1) * (n0 - x0))
        p0 = min(2 * (x1 + x0) / (left + right + root), 1.0)
        p1 = min(ratio * p0, 1.0)
        if p0 <= 0 or p1 <= 0 or (p0 == 1 and p1 == 1):
            continue
        near, far, below = (x1, n1 * p1, 1 - p1) if p1 <= p0 else (n0 * p0, x0, 1 - p0)
        total, size = total + (near - far) / below, size + (near + far) / below
        variance += 1 / ((1 - p1) / (n1 * p1) + (1 - p0) / (n0 * p0))
    # Small strata that contradict each other may cancel: what is no more than rounding is 0.
    return total / math.sqrt(variance) if abs(total) > 1e-12 * size else 0.0


def crossing(strata, level, rising):
    """Log ratio at which the score falls to a level: the first above 0 (`rising`) or below it.

    Strata that contradict each other may cross it several times; so it is looked for from 0 on.
    """

    def beyond(x):
        return (score(x, strata) > level) == rising

    near, far = 0.0, 0.5 if rising else -0.5
    while beyond(far) and abs(far) < FARTHEST:
        near, far = far, max(-FARTHEST, min(FARTHEST, far * 2))
    return edge(beyond, near, far)


def score_lift(strata, alpha):
    """Lift, interval and p of a conversion rate, for one look."""
    z, now = NormalDist().inv_cdf(1 - alpha / 2), score(0.0, strata)
    p = math.erfc(abs(now) / math.sqrt(2))
    ends = [(0.0, now > 0), (z, p < alpha and now > 0), (-z, p >= alpha or now > 0)]
    best, low, high = (math.expm1(crossing(strata, *each)) for each in ends)
    return best, low, high, p


def conversion_lift(strata, alpha, always):
    """Lift, interval and p of a conversion rate."""
    used = [each for each in strata if each[1] and each[3]]
    treated, controlled = sum(each[0] for each in used), sum(each[2] for each in used)
    if not treated and not controlled:
        return NOTHING
    lift, low, high, p = (share_lift if always else score_lift)(used, alpha)
    if len(used) == 1 and controlled:
        x1, n1, x0, n0 = used[0]
        lift = (x1 / n1) / (x0 / n0) - 1
    if not controlled:
        return None, low, None, p
    return (lift, low, high, p) if treated else (-1.0, -1.0, high, p)


# Student's t, by the continued fraction of the incomplete beta function (Lentz's method).


def log_gamma_step(a):
    """log of gamma(a + 1/2) / gamma(a), without the cancellation of two large logarithms."""
    if a < 30:
        return math.lgamma(a + 0.5) - math.lgamma(a)
    inverse = 1 / a
    return 0.5 * math.log(a) - inverse / 8 + inverse**3 / 192 - inverse**5 / 640


def t_two_sided(t, freedom):
    """Probability of a t at least as far from 0."""
    if t == 0:
        return 1.0
    if math.isinf(freedom):
        return math.erfc(abs(t) / math.sqrt(2))
    a, b, far = freedom / 2, 0.5, t * t / (freedom + t * t)
    front = math.exp(
        log_gamma_step(a) - math.lgamma(0.5) + a * math.log1p(-far) + b * math.log(far)
    )
    if 1 - far < (a + 1) / (a + b + 2):
        return front * fraction(a, b, 1 - far) / a
    return 1 - front * fraction(b, a, far) / b


def fraction(a, b, x):
    """The continued fraction of the incomplete beta function."""
    tiny = 1e-300
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
    value = d
    for m in range(1, 100_000):
        for top in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + top * d or tiny)
            c = 1 + top / c or tiny
            value *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return value


# Means and ratios on the log scale, post-stratified, with covariates from before (CUPED).


def log_effect(strata, divides):
    """Lift of a mean, or of a ratio of two; log ratio, its variance, and degrees of freedom.

    strata are pairs of arrays, arm and control, a row for each number: what is counted, what it
    is divided by, and covariates. The last three are none where there is no logarithm.
    """
    used = [each for each in strata if each[0].shape[1] >= 2 and each[1].shape[1] >= 2]
    if not used:
        return NOTHING
    size = 2 if divides else 1
    everyone = sum(arm.shape[1] + control.shape[1] for arm, control in used)
    weights = [(arm.shape[1] + control.shape[1]) / everyone for arm, control in used]
    means = [
        sum(weight * each[side].mean(axis=1) for weight, each in zip(weights, used, strict=True))
        for side in (0, 1)
    ]
    if divides and min(each[1] for each in means) <= 0:
        return NOTHING
    values = [each[0] / each[1] if divides else each[0] for each in means]
    slopes = [
        np.array([1 / each[1], -each[0] / each[1] ** 2]) if divides else np.array([1.0])
        for each in means
    ]
    spreads = [[covariance(each[side]) for each in used] for side in (0, 1)]
    visitors = [[each[side].shape[1] for each in used] for side in (0, 1)]
    effects = regression(spreads, visitors, slopes, size)
    for place, effect in enumerate(effects, size):
        usual = sum(m[place] * sum(n) for m, n in zip(means, visitors, strict=True)) / everyone
        values = [v - effect * (m[place] - usual) for v, m in zip(values, means, strict=True)]
    parts = []
    for side, slope in enumerate(slopes):
        whole = np.concatenate([slope, -effects])
        for weight, spread, n in zip(weights, spreads[side], visitors[side], strict=True):
            terms = np.outer(whole, whole) * spread
            told = float(terms.sum()) if terms.sum() > 1e-12 * np.abs(terms).sum() else 0.0
            parts.append((side, weight**2 * told / n, n - 1))
    mean, base = map(float, values)
    if base <= 0:
        return NOTHING
    if mean <= 0:
        return mean / base - 1, None, None, None
    relative = [(part / (mean, base)[side] ** 2, freedom) for side, part, freedom in parts]
    variance = sum(part for part, _ in relative)
    if not math.isfinite(variance) or variance == 0:
        return mean / base - 1, None, None, None
    freedom = variance**2 / sum(part**2 / freedom for part, freedom in relative)
    return mean / base - 1, math.log(mean) - math.log(base), variance, freedom


def covariance(values):
    """Unbiased covariances between the rows; what is no more than rounding is 0."""
    found = np.atleast_2d(np.cov(values, ddof=1))
    scale = np.sqrt(np.outer((values**2).sum(axis=1), (values**2).sum(axis=1)))
    found[np.abs(found) * (values.shape[1] - 1) <= 1e-12 * scale] = 0.0
    return found


def regression(spreads, visitors, slopes, size):
    """Coefficients of the covariates, within arms and strata, the same for both arms."""
    scatters = [
        sum((n - 1) * spread for n, spread in zip(visitors[side], spreads[side], strict=True))
        for side in (0, 1)
    ]
    among = (scatters[0] + scatters[1])[size:, size:]
    if not among.size:
        return np.zeros(0)
    shared = sum(
        slope @ scatter[:size, size:] for slope, scatter in zip(slopes, scatters, strict=True)
    )
    units = np.sqrt(np.diag(among))
    units[units == 0] = 1
    scaled = np.linalg.pinv(among / np.outer(units, units), rcond=1e-9, hermitian=True)
    return scaled @ (shared / units) / units


def log_lift(effect, alpha, always):
    """Lift, interval and p of an effect on the log scale."""
    lift, log_ratio, variance, freedom = effect
    if variance is None:
        return lift, None, None, None
    if always:
        # An asymptotic confidence sequence (Waudby-Smith and others 2024, theorem 2.2).
        known = SPREAD**2 / variance
        reach = math.sqrt(variance * (1 + 1 / known) * (math.log1p(known) - 2 * math.log(alpha)))
        won = log_ratio**2 / (2 * variance) * known / (1 + known) - math.log1p(known) / 2
        p = math.exp(min(-won, 0.0))
    else:
        error, far = math.sqrt(variance), 1.0
        while t_two_sided(far, freedom) > alpha:
            far *= 2
        reach = edge(lambda t: t_two_sided(t, freedom) > alpha, 0.0, far) * error
        p = t_two_sided(log_ratio / error, freedom)
    return lift, ratio_less_one(log_ratio - reach), ratio_less_one(log_ratio + reach), p


def count_effect(strata):
    """Log ratio of two rates and its variance; strata are weighted by what they tell."""
    total = weight = 0.0
    for x1, n1, x0, n0 in strata:
        if n1 and n0:
            # Half a conversion more in each arm, so that zeros have a logarithm.
            a, b, c, d = x1 + 0.5, n1 + 1, x0 + 0.5, n0 + 1
            tells = 1 / (1 / a - 1 / b + 1 / c - 1 / d)
            total, weight = total + tells * math.log(a / b / (c / d)), weight + tells
    return total / weight, 1 / weight


# Segments: adjusted for their number (Benjamini, Hochberg and Yekutieli), and pooled.


def adjusted(compare, values, alpha):
    """Adjusted interval, p and verdict of each key; compare(key, alpha) makes an interval."""
    ranked = sorted(p for p in values.values() if p is not None)
    number = len(ranked)
    chosen = max((k for k, p in enumerate(ranked, 1) if p < alpha * k / number), default=0)
    found = {}
    for key, p in values.items():
        if p is not None:
            level = alpha * max(chosen, 1) / number
            _, low, high, _ = compare(key, level)
            least = min(q * number / k for k, q in enumerate(ranked, 1) if q >= p)
            told = {"low": low, "high": high, "p": least, "found": p < level and chosen > 0}
            found[key] = told
    return found


def pooled(effects, alpha):
    """Lift, interval and p of each segment when all are drawn around a common log ratio.

    How far they differ has a half-normal prior, and is weighed at 80 values (Rubin 1981).
    """
    if len(effects) < 2:
        return {}
    y, v = np.array(list(effects.values())).T
    apart = 4 * SPREAD * (np.arange(80) + 0.5) / 80
    w = 1 / (v + apart[:, None] ** 2)
    mean = (w * y).sum(axis=1) / w.sum(axis=1)
    weight = np.log(w).sum(axis=1) - (w * (y - mean[:, None]) ** 2).sum(axis=1)
    weight = (weight - np.log(w.sum(axis=1)) - (apart / SPREAD) ** 2) / 2
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    found = {}
    for key, (own, variance) in effects.items():
        pull = variance / (variance + apart**2)
        middle = pull * mean + (1 - pull) * own
        deviation = np.sqrt(variance * (1 - pull) + pull**2 / w.sum(axis=1))

        def below(x, side=1, middle=middle, deviation=deviation):
            far = side * (middle - x) / (deviation * math.sqrt(2))
            return float(weight @ np.array([math.erfc(each) for each in far])) / 2

        ends = [(middle + side * 40 * deviation) for side in (-1, 1)]
        low, best, high = (
            edge(lambda x, share=share: below(x) < share, ends[0].min(), ends[1].max())
            for share in (alpha / 2, 0.5, 1 - alpha / 2)
        )
        p = min(1.0, 2 * min(below(0.0), below(0.0, -1)))
        low, best, high = map(ratio_less_one, (low, best, high))
        found[key] = {"lift": best, "low": low, "high": high, "p": p}
    return found


# Sample ratio mismatch.


def split_p(counts, weights, always):
    """Probability of shares at least as far from the planned ones."""
    used = [(n, weight) for n, weight in zip(counts, weights, strict=True) if weight > 0]
    total, whole = sum(n for n, _ in used), sum(weight for _, weight in used)
    if len(used) < 2 or not total:
        return None
    if always:
        # A Dirichlet mixture of splits bets against the plan (Lindon and Malek 2022); its gains,
        # visitor by visitor, in an order in which none of them is large.
        gains = np.concatenate([1000 + np.arange(n) * whole / weight for n, weight in used])
        return math.exp(min(-np.log(np.sort(gains) / (1000 + np.arange(total))).sum(), 0.0))
    expected = [total * weight / whole for _, weight in used]
    if len(used) > 2 and min(expected) < 5:
        return None
    if len(used) == 2 and total <= 10_000:
        k, share, i = used[0][0], expected[0] / total, np.arange(total + 1)
        steps = np.log((total - i[:-1]) / (i[:-1] + 1)) + math.log(share) - math.log1p(-share)
        mass = np.exp(total * math.log1p(-share) + np.concatenate([[0.0], np.cumsum(steps)]))
        return min(1.0, 2 * min(mass[: k + 1].sum(), mass[k:].sum()))
    half = sum((n - e) ** 2 / e for (n, _), e in zip(used, expected, strict=True)) / 2
    freedom, odd = len(used) - 1, (len(used) - 1) % 2
    # The upper tail of chi squared has a closed form for whole degrees of freedom.
    tail = math.erfc(math.sqrt(half)) if odd else 0.0
    term = math.exp(-half) * (math.sqrt(half / math.pi) * 2 if odd else 1.0)
    for step in range(freedom // 2):
        tail, term = tail + term, term * half / (step + (1.5 if odd else 1))
    return tail


def holm(found):
    """Correct the p of each key for their number."""
    told, largest = {}, 0.0
    ranked = sorted((key for key in found if found[key] is not None), key=found.get)
    for rank, key in enumerate(ranked):
        told[key] = largest = max(largest, min(1.0, found[key] * (len(ranked) - rank)))
    return told
