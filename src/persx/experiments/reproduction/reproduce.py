"""Computes a readout anew from units.csv, and compares it with readout.json.

Written beside the data by `persx report NAME --export FOLDER`. It needs Python and numpy, and
shares no code with persx, so that one can be wrong without the other:

    python reproduce.py

It prints the largest difference of each arm and metric, and ends with 1 where one is above 1e-9.
"""

import csv
import hashlib
import io
import json
import math
import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np

TOLERANCE = 1e-9


# The score interval of a ratio of proportions (Koopman 1984), stratified (Gart and Nam 1988).


def score(log_ratio, strata):
    """Standardised score of a ratio: positive where the data speak for a larger one."""
    ratio, total, variance = math.exp(log_ratio), 0.0, 0.0
    for x1, n1, x0, n0 in strata:
        # Rates fitted under the constraint p1 = ratio * p0: a quadratic in p0.
        a, b, c = ratio * (n1 + n0), ratio * (n1 + x0) + n0 + x1, x1 + x0
        p0 = min(2 * c / (b + math.sqrt(max(b * b - 4 * a * c, 0.0))), 1.0)
        p1 = min(ratio * p0, 1.0)
        if p0 <= 0 or p1 <= 0 or (p0 == 1 and p1 == 1):
            continue
        total += (x1 - n1 * p1) / (1 - p1) if p1 <= p0 else (n0 * p0 - x0) / (1 - p0)
        variance += 1 / ((1 - p1) / (n1 * p1) + (1 - p0) / (n0 * p0))
    return total / math.sqrt(variance) if variance else 0.0


def crossing(strata, level):
    """Log ratio at which the score, which falls, reaches a level; infinite where it never does."""
    low, high = -300.0, 300.0
    if score(low, strata) <= level:
        return -math.inf
    if score(high, strata) >= level:
        return math.inf
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle, strata) > level else (low, middle)
    return (low + high) / 2


def conversion_lift(strata, alpha):
    """Lift, interval and p of a conversion rate; strata are (x1, n1, x0, n0)."""
    used = [each for each in strata if each[1] and each[3]]
    treated, controlled = sum(each[0] for each in used), sum(each[2] for each in used)
    if not used or not (treated or controlled):
        return None, None, None, None
    z = NormalDist().inv_cdf(1 - alpha / 2)
    p = math.erfc(abs(score(0.0, used)) / math.sqrt(2))
    low = math.expm1(crossing(used, z)) if treated else -1.0
    high = math.expm1(crossing(used, -z)) if controlled else None
    if not controlled:
        lift = None
    elif not treated:
        lift = -1.0
    elif len(used) == 1:
        x1, n1, x0, n0 = used[0]
        lift = (x1 / n1) / (x0 / n0) - 1
    else:
        lift = math.expm1(crossing(used, 0.0))
    return lift, low, high, p


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


def t_quantile(alpha, freedom):
    """The t that is exceeded, on either side, with probability alpha."""
    low, high = 0.0, 1.0
    while t_two_sided(high, freedom) > alpha:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if t_two_sided(middle, freedom) > alpha else (low, middle)
    return (low + high) / 2


def log_lift(strata, divides, alpha):
    """Lift, interval and p of a mean, or of a ratio of two, on the log scale.

    strata are pairs of arrays, arm and control, a row for each number: what is counted, what it
    is divided by, and covariates from before (CUPED).
    """
    used = [each for each in strata if each[0].shape[1] >= 2 and each[1].shape[1] >= 2]
    if not used:
        return None, None, None, None
    size = 2 if divides else 1
    everyone = sum(arm.shape[1] + control.shape[1] for arm, control in used)
    weights = [(arm.shape[1] + control.shape[1]) / everyone for arm, control in used]
    means = [
        sum(weight * each[side].mean(axis=1) for weight, each in zip(weights, used, strict=True))
        for side in (0, 1)
    ]
    if divides and min(each[1] for each in means) <= 0:
        return None, None, None, None
    values = [each[0] / each[1] if divides else each[0] for each in means]
    slopes = [
        np.array([1 / each[1], -each[0] / each[1] ** 2]) if divides else np.array([1.0])
        for each in means
    ]
    visitors = [sum(each[side].shape[1] for each in used) for side in (0, 1)]
    effects = regression(used, slopes, size)
    for place, effect in enumerate(effects, size):
        usual = sum(m[place] * n for m, n in zip(means, visitors, strict=True)) / sum(visitors)
        values = [v - effect * (m[place] - usual) for v, m in zip(values, means, strict=True)]
    slopes = [np.concatenate([slope, -effects]) for slope in slopes]
    sides = []
    for side in (0, 1):
        parts = [
            (weight**2 * projected(each[side], slopes[side]), each[side].shape[1] - 1)
            for weight, each in zip(weights, used, strict=True)
        ]
        variance = sum(part for part, _ in parts)
        below = sum(part**2 / freedom for part, freedom in parts)
        sides.append((values[side], variance, variance**2 / below if below else math.inf))
    (mean, variance, freedom), (base, base_variance, base_freedom) = sides
    if base <= 0:
        return None, None, None, None
    spread = [variance / mean**2 if mean else math.inf, base_variance / base**2]
    error = math.sqrt(sum(spread))
    if mean <= 0 or not math.isfinite(error) or error == 0:
        return mean / base - 1, None, None, None
    below = sum(s**2 / f for s, f in zip(spread, (freedom, base_freedom), strict=True))
    freedom = sum(spread) ** 2 / below if below else math.inf
    log_ratio = math.log(mean) - math.log(base)
    reach = t_quantile(alpha, freedom) * error
    p = t_two_sided(log_ratio / error, freedom)
    return mean / base - 1, math.expm1(log_ratio - reach), math.expm1(log_ratio + reach), p


def covariance(values):
    """Unbiased covariances between the rows; what is no more than rounding is 0."""
    found = np.atleast_2d(np.cov(values, ddof=1))
    scale = np.sqrt(np.outer((values**2).sum(axis=1), (values**2).sum(axis=1)))
    found[np.abs(found) * (values.shape[1] - 1) <= 1e-12 * scale] = 0.0
    return found


def projected(values, slope):
    """Variance of the mean of a linear function of the rows."""
    return max(float(slope @ covariance(values) @ slope), 0.0) / values.shape[1]


def regression(strata, slopes, size):
    """Coefficients of the covariates, within arms and strata, the same for both arms."""
    scatters = [
        sum((each[side].shape[1] - 1) * covariance(each[side]) for each in strata)
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


# Sample ratio mismatch: exact for two arms and up to 10,000 visitors, else chi squared.


def srm_p(counts, weights):
    """Probability of shares at least as far from the planned ones."""
    total, whole = sum(counts), sum(weights)
    expected = [total * weight / whole for weight in weights]
    if len(counts) == 2 and total <= 10_000:
        k, n, share = counts[0], total, expected[0] / total
        i = np.arange(n + 1)
        steps = np.log((n - i[:-1]) / (i[:-1] + 1)) + math.log(share) - math.log1p(-share)
        mass = np.exp(n * math.log1p(-share) + np.concatenate([[0.0], np.cumsum(steps)]))
        return min(1.0, 2 * min(mass[: k + 1].sum(), mass[k:].sum()))
    statistic = sum((n - e) ** 2 / e for n, e in zip(counts, expected, strict=True))
    half, freedom = statistic / 2, len(counts) - 1
    # The upper tail of chi squared has a closed form for whole degrees of freedom.
    if freedom % 2:
        tail, term = math.erfc(math.sqrt(half)), math.exp(-half) * math.sqrt(half) * 2
        term /= math.sqrt(math.pi)
        for step in range(1, (freedom - 1) // 2 + 1):
            tail, term = tail + term, term * half / (step + 0.5)
        return tail
    tail, term = 0.0, math.exp(-half)
    for step in range(freedom // 2):
        tail, term = tail + term, term * half / (step + 1)
    return tail


# Reading, computing, comparing.


def read(folder):
    """Return what is expected, the plan, and the columns of units.csv as arrays."""
    expected = json.loads((folder / "readout.json").read_text(encoding="utf-8"))
    plan = json.loads((folder / "experiment.json").read_text(encoding="utf-8"))
    raw = (folder / "units.csv").read_bytes()
    if hashlib.sha256(raw).hexdigest() != plan["units_sha256"]:
        sys.exit("units.csv is not the file that was exported: its SHA-256 differs.")
    head, *rows = csv.reader(io.StringIO(raw.decode("utf-8"), newline=""))
    columns = list(zip(*rows, strict=True)) or [()] * len(head)
    return expected, plan, dict(zip(head, map(np.array, columns), strict=True))


def differences(expected, plan, data):
    """Yield what was compared, and how far it is from what the readout says."""
    arms, epochs = data["arm"], data["epoch"].astype(int)
    alpha = 1 - plan["confidence"]
    kinds = {each["name"]: each["kind"] for each in plan["metrics"]}
    values = {
        name: np.array(
            [
                np.array([float(cell) if cell else math.nan for cell in data[column]])
                for column in ("metric:", "per:", "before-metric:", "before-per:")
                for column in [column + name]
                if column in data
            ]
        )
        for name in kinds
    }
    everyone = np.ones(len(arms), dtype=bool)
    groups = [("everyone", everyone, expected["arms"])]
    for attribute, segments in expected["segments"].items():
        for value, segment in segments.items():
            chosen = data["segment:" + attribute] == value
            groups.append((f"{attribute}={value}", chosen, segment["arms"]))
    for label, chosen, told in groups:
        for arm, readout in told.items():
            mine = chosen & (arms == arm)
            yield f"{label}, {arm}", "visitors", abs(int(mine.sum()) - readout["n"])
            for name, found in readout["metrics"].items():
                if found["total"] is None:
                    continue
                here = values[name]
                # A cell is empty where a visitor's time is not over.
                over = ~np.isnan(here[0])
                total = math.fsum(here[0, mine & over])
                n = int((mine & over).sum())
                divides = kinds[name] == "ratio"
                below = math.fsum(here[1, mine & over]) if divides else n
                pairs = [("total", total, found["total"]), ("n", n, found["n"])]
                pairs.append(("rate", total / below if below else None, found["rate"]))
                if arm != plan["control"]:
                    strata = []
                    base = chosen & (arms == plan["control"])
                    for epoch in sorted(set(epochs[chosen].tolist())):
                        now = (epochs == epoch) & over
                        strata.append((here[:, mine & now], here[:, base & now]))
                    if kinds[name] == "conversion":
                        counts = [
                            (int(a[0].sum()), a.shape[1], int(c[0].sum()), c.shape[1])
                            for a, c in strata
                        ]
                        computed = conversion_lift(counts, alpha)
                    else:
                        computed = log_lift(strata, divides, alpha)
                    names = ("lift", "low", "high", "p")
                    pairs += [
                        (each, value, found[each])
                        for each, value in zip(names, computed, strict=True)
                    ]
                yield f"{label}, {arm}", name, max(apart(a, b) for _, a, b in pairs)
    weights = {arm: weight for arm, weight in plan["weights"].items() if weight > 0}
    if expected["srm"]["p"] is not None:
        now = epochs == plan["epoch"]
        counts = [int((now & (arms == arm)).sum()) for arm in weights]
        told = expected["srm"]["p"]
        yield "sample ratio", "p", apart(srm_p(counts, list(weights.values())), told)


def apart(computed, told):
    """Difference, relative to numbers above 1; infinite where one is there and the other not."""
    if computed is None or told is None:
        return 0.0 if computed is None and told is None else math.inf
    return abs(computed - told) / max(1.0, abs(told))


def main():
    """Compare, and tell."""
    folder = Path(__file__).resolve().parent
    worst, compared = 0.0, 0
    for where, what, difference in differences(*read(folder)):
        compared += 1
        worst = max(worst, difference)
        mark = "" if difference <= TOLERANCE else "   <-- differs"
        print(f"{difference:9.2e}  {where}: {what}{mark}")
    print(f"\n{compared} comparisons, largest difference {worst:.2e}, allowed {TOLERANCE:.0e}.")
    sys.exit(0 if compared and worst <= TOLERANCE else 1)


if __name__ == "__main__":
    main()
