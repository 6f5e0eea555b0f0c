"""How figures of a readout are written, alike in the terminal and on the page."""

from __future__ import annotations

from enum import StrEnum

from persx.experiments.readout import Difference, Guard, MetricReadout, Standing

MINUS = "−"


class Verdict(StrEnum):
    """What the interval says: wholly above 0, wholly below, around it, or nothing."""

    BETTER = "better"
    WORSE = "worse"
    UNCLEAR = "unclear"
    UNDEFINED = "undefined"


def verdict(metric: MetricReadout, better: str = "more") -> Verdict:
    """Return what a metric's interval says about the arm; in a segment, the adjusted one."""
    shown = metric.adjusted or metric
    return said(shown.low, shown.high, better)


def said(low: float | None, high: float | None, better: str = "more") -> Verdict:
    """Return what an interval says about the arm, where more is better, or less.

    >>> said(0.1, 0.3).value, said(0.1, 0.3, "less").value
    ('better', 'worse')
    """
    if low is None:
        return Verdict.UNDEFINED
    if low > 0:
        return Verdict.BETTER if better == "more" else Verdict.WORSE
    if high is not None and high < 0:
        return Verdict.WORSE if better == "more" else Verdict.BETTER
    return Verdict.UNCLEAR


def guard(found: Guard | None, margin: float | None) -> str:
    """Write what is said of a guardrail; empty where the metric is none.

    >>> guard(Guard.SAFE, 0.02)
    'Guardrail: safe (no loss of 2%)'
    """
    if found is None or margin is None:
        return ""
    more = f" (no loss of {percent(margin)})" if found is Guard.SAFE else ""
    return f"Guardrail: {found.value}{more}"


def standing(target: float | None, found: Standing | None) -> str:
    """Write what is said of a target; empty where there is none.

    >>> standing(0.15, Standing.OPEN)
    'Target 15%: cannot be told yet'
    """
    return "" if target is None or found is None else f"Target {percent(target)}: {found.value}"


def percent(share: float) -> str:
    """Write a share without a sign where it is positive, with as few digits as it needs.

    >>> percent(0.15), percent(0.125), percent(-0.1)
    ('15%', '12.5%', '−10%')
    """
    return f"{share * 100:.4g}%".replace("-", MINUS)


def difference(kind: str, found: Difference | None, *, interval: bool = False) -> str:
    """Write a difference: of rates in percentage points, of means in their unit per visitor.

    >>> difference("conversion", Difference(value=0.0062, low=0.001, high=0.011), interval=True)
    '+0.62 points (+0.10 to +1.10)'
    >>> difference("mean", Difference(value=-1.5, low=None, high=None))
    '−1.5 per visitor'
    """
    if found is None:
        return ""

    def write(value: float) -> str:
        size = abs(value) * (100 if kind == "conversion" else 1)
        text = f"{size:.2f}" if kind == "conversion" and size >= 0.01 else f"{size:.3g}"
        return f"{'+' if value > 0 else MINUS if value < 0 else ''}{text}"

    units = {"conversion": "points", "mean": "per visitor"}
    text = f"{write(found.value)} {units.get(kind, '')}".rstrip()
    if not interval or found.low is None:
        return text
    if found.high is None:
        return f"{text} ({write(found.low)} or more)"
    return f"{text} ({write(found.low)} to {write(found.high)})"


def signed_percent(share: float | None) -> str:
    """Write a lift with its sign, coarser the larger it is.

    >>> signed_percent(0.1234), signed_percent(-0.5), signed_percent(12.0), signed_percent(None)
    ('+12.3%', '−50.0%', '+1,200%', '–')
    """
    if share is None:
        return "–"
    digits = 1 if abs(share) < 10 else 0
    text = f"{abs(share) * 100:,.{digits}f}%"
    rounded_to_zero = not any(sign in text for sign in "123456789")
    return text if rounded_to_zero else f"{'+' if share > 0 else MINUS}{text}"


def interval(low: float | None, high: float | None) -> str:
    """Write an interval of a lift; an end that does not exist is written as such.

    >>> interval(0.1, 0.3), interval(0.6, None), interval(None, None)
    ('+10.0% to +30.0%', '+60.0% or more', '–')
    """
    if low is None:
        return "–"
    if high is None:
        return f"{signed_percent(low)} or more"
    return f"{signed_percent(low)} to {signed_percent(high)}"


def p_value(p: float | None) -> str:
    """Write a p-value, never as 0 and never rounded across a usual threshold.

    >>> p_value(0.0426), p_value(2e-13), p_value(0.04996), p_value(None)
    ('0.043', '<0.001', '0.04996', '–')
    """
    if p is None:
        return "–"
    if p < 0.001:
        return "<0.001"
    if p > 0.995:
        return "1.00"
    short = f"{p:.2f}" if p >= 0.1 else f"{p:.3f}"
    for threshold in (0.001, 0.01, 0.05, 0.1):
        if (float(short) < threshold) != (p < threshold):
            return f"{p:.4g}"
    return short


def amount(value: float | None) -> str:
    """Write a total: counts whole, sums with two decimals.

    >>> amount(1234), amount(1234.5), amount(None)
    ('1,234', '1,234.50', '–')
    """
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def per_visitors(kind: str, total: float | None, n: int, per: float | None = None) -> str:
    """Write numerator and denominator: of whom, from whom, or by what.

    >>> per_visitors("conversion", 267, 21307), per_visitors("mean", 30311.69, 21307)
    ('267 of 21,307', '30,311.69 from 21,307')
    >>> per_visitors("ratio", 30311.69, 21307, 578)
    '30,311.69 by 578'
    """
    if total is None:
        return ""
    if kind == "ratio" and per is not None:
        return f"{amount(total)} by {amount(per)}"
    return f"{amount(total)} {'of' if kind == 'conversion' else 'from'} {n:,}"


def rate(kind: str, value: float | None) -> str:
    """Write a number per visitor: a conversion's as a percentage, a mean's as a number.

    >>> rate("conversion", 0.0125), rate("mean", 1.4226), rate("mean", None)
    ('1.25%', '1.423', '–')
    """
    if value is None:
        return "–"
    if kind == "conversion":
        return f"{value * 100:.2f}%" if value >= 0.001 or value == 0 else f"{value * 100:.3g}%"
    return f"{value:,.2f}" if abs(value) >= 100 else f"{value:.4g}"
