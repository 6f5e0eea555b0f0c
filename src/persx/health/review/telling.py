"""A review in words: the same headings, rows and lines for the page, the mail and Markdown."""

from __future__ import annotations

import msgspec

from persx.experiments.wording import interval, signed_percent
from persx.health.review.figures import Change, Direction, Figure, Standing
from persx.health.review.finding import EVERYBODY
from persx.health.review.periods import Kind, read_period
from persx.health.review.review import (
    ExperimentReview,
    IndustryReview,
    MonthReview,
    Review,
    Rewrite,
)
from persx.health.wording import share
from persx.model.clock import iso

MARKS = {
    Standing.ABOVE: "above 10%",
    Standing.UNDER: "below 10%",
    Standing.OPEN: "may be either side of 10%",
    Standing.UNKNOWN: "unknown",
}


class Link(msgspec.Struct, frozen=True):
    """Where to go on: a label and an address."""

    label: str
    href: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a table of lifts.

    Attributes:
        tone: ``above``, ``under``, ``open`` or ``unknown``; nothing is green without data.
        why: Why there is no figure, or what is to be known beside it.
        target: What is said of the lift that is meant; empty where none is.
    """

    name: str
    lift: str
    interval: str
    counted: str
    change: str
    tone: str
    mark: str = ""
    why: str = ""
    target: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A finding in a sentence; `sure` where it is more than chance."""

    text: str
    detail: str = ""
    sure: bool = True
    links: tuple[Link, ...] = ()


class Cell(msgspec.Struct, frozen=True):
    """A month's lift in the table of the trend."""

    lift: str
    change: str
    tone: str
    why: str = ""


class Trend(msgspec.Struct, frozen=True):
    """A line of the table of months: everybody's, or an industry's."""

    name: str
    cells: tuple[Cell, ...]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A review, ready to be shown.

    Attributes:
        tone: Of the headline.
        empty_improved, empty_under, empty_rewrites: What stands there where there is nothing.
        months: Headings of the trend's columns.
        simulated: The label of simulated data; empty where there are none.
    """

    name: str
    kind: str
    title: str
    site: str
    headline: str
    summary: str
    tone: str
    figure: str
    range: str
    reasons: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    improved: tuple[Line, ...]
    empty_improved: str
    under: tuple[Line, ...]
    empty_under: str
    rewrites: tuple[Line, ...]
    empty_rewrites: str
    industries: tuple[Row, ...]
    judged: str
    experiments: tuple[tuple[str, tuple[Row, ...], str], ...]
    months: tuple[str, ...]
    trends: tuple[Trend, ...]
    health: tuple[Row, ...]
    stale: tuple[str, ...]
    notes: tuple[str, ...]
    links: tuple[Link, ...]
    simulated: str = ""


def tell(review: Review, *, public_url: str = "", simulated: str = "") -> Told:
    """Put a review into words.

    Args:
        public_url: What links begin with; empty where whoever reads is on the site.
        simulated: What simulated data are called.
    """
    base = public_url.rstrip("/")
    figure = review.everybody
    word = review.period.kind.value
    headline, tone = _headline(figure, word)
    judged = (
        f"Judged by {review.recent}. The intervals of all {len(review.industries)} industries "
        f"hold together ({figure.confidence:.0%})."
    )
    return Told(
        name=review.period.name,
        kind=word,
        title=review.period.title,
        site=review.site,
        headline=headline,
        summary=_summary(review, word),
        tone=tone,
        figure=signed_percent(figure.lift) if figure.lift is not None else "No figure",
        range=interval(figure.low, figure.high) if figure.lift is not None else "",
        reasons=figure.why,
        facts=_facts(review),
        improved=tuple(Line(text=each) for each in review.improved),
        empty_improved=_nothing_improved(review, word),
        under=tuple(
            Line(
                text=f"{each.name}, in {review.recent}: {signed_percent(each.figure.lift)} "
                f"({interval(each.figure.low, each.figure.high)})",
                detail="The whole interval is below 10%."
                if each.sure
                else "May be chance: the interval reaches 10%.",
                sure=each.sure,
                links=(Link("Report", f"{base}/admin/report/holdout"),),
            )
            for each in review.under
        ),
        empty_under=_nothing_under(review),
        rewrites=tuple(_rewrite(each, base) for each in review.rewrites),
        empty_rewrites=(
            "None: nothing that can be told is below 10%."
            if any(each.recent.lift is not None for each in review.industries)
            else "Unknown: without a lift by industry nothing says which ones."
        ),
        industries=tuple(
            _row(each, word)
            for each in review.industries
        ),
        judged=judged if review.industries else "",
        experiments=tuple(_experiment(each) for each in review.experiments),
        months=tuple(_month(each, review.period.zone) for each in review.months),
        trends=_trends(review.months),
        health=tuple(
            Row(
                name=each.title, lift=share(each.value), interval="", counted=each.counted,
                change="", tone=_HEALTH.get(each.state, "unknown"), mark=each.state,
                why=each.why,
            )
            for each in review.health
        ),
        stale=tuple(f"{block} · {variant}" for block, variant in review.stale),
        notes=(
            *review.notes,
            *(
                (f"{review.rewrites_left_out} more variants to rewrite are in the JSON form.",)
                if review.rewrites_left_out
                else ()
            ),
        ),
        links=(
            Link("This review in the studio", f"{base}/admin/review/{review.period.name}"),
            Link("Report of the holdout", f"{base}/admin/report/holdout"),
            Link("Coverage", f"{base}/admin#coverage"),
        ),
        simulated=simulated if review.simulated else "",
    )  # fmt: skip


_HEALTH = {"ok": "above", "watch": "open", "confirmed": "under"}


def _headline(figure: Figure, word: str) -> tuple[str, str]:
    if figure.lift is None:
        return f"What personalization was worth this {word} cannot be told yet", "unknown"
    if figure.low is not None and figure.low > 0:
        return f"Personalized pages did better this {word}", "above"
    if figure.high is not None and figure.high < 0:
        return f"Personalized pages did worse this {word}", "under"
    return f"No difference is shown this {word}: the interval contains 0", "open"


def _summary(review: Review, word: str) -> str:
    figure, told = review.everybody, []
    if not review.over:
        told.append(f"The {word} is not over.")
    if figure.lift is not None:
        told.append(
            f"Visitors who entered this {word} converted {signed_percent(figure.lift)} against "
            f"generic pages ({figure.counted})."
        )
        told.append(_changed(review.change, word))
    return " ".join(told)


def _changed(change: Change, word: str) -> str:
    before = f"the {word} before"
    if change.points is None:
        return change.why
    points = _points(change.points)
    if change.direction is Direction.OPEN:
        return f"That is {points} against {before}, which may be chance."
    if change.direction is Direction.UNKNOWN:
        return f"That is {points} against {before}. {change.why}"
    return f"That is {points} against {before}, more than chance makes."


def _points(points: float) -> str:
    """Write a difference of lifts.

    >>> _points(0.0512), _points(-0.2), _points(0.0)
    ('+5.1 points', '−20.0 points', '0.0 points')
    """
    sign = "" if f"{abs(points) * 100:.1f}" == "0.0" else "+" if points > 0 else "−"
    return f"{sign}{abs(points) * 100:.1f} points"


def _facts(review: Review) -> tuple[tuple[str, str], ...]:
    """What a figure belongs to: the metric, the time, the snapshot."""
    return (
        ("Metric", review.metric or "no goal is declared"),
        *((("Target", _target(review)),) if review.everybody.target is not None else ()),
        ("As of", iso(review.made)[:16].replace("T", " ") + " UTC"),
        ("Days of", review.period.zone),
        ("Snapshot", "nothing was shown" if review.snapshot is None else str(review.snapshot)),
    )


def _target(review: Review) -> str:
    """Tell the lift that is meant for everybody, and what the interval says of it."""
    told = review.everybody.reached.removeprefix("target ")
    number, _, standing = told.partition(" ")
    return f"{number} ({standing})"


def _nothing_improved(review: Review, word: str) -> str:
    figures = [review.change, *(each.change for each in review.industries)]
    if all(each.points is None for each in figures):
        return f"Unknown: no lift can be compared with that of the {word} before."
    return "Nothing rose by more than chance makes."


def _nothing_under(review: Review) -> str:
    recent = [review.everybody, *(each.recent for each in review.industries)]
    unknown = sum(each.lift is None for each in recent)
    if unknown == len(recent):
        return f"Unknown: no lift can be told. {recent[0].why[0] if recent[0].why else ''}".strip()
    told = "Nothing that can be told is below 10%."
    return f"{told} Of {unknown} nothing can be told." if unknown else told


def _rewrite(each: Rewrite, base: str) -> Line:
    detail = list(each.why)
    if each.shown is not None:
        detail.append(f"shown {each.shown:,} times")
    if each.days is not None:
        detail.append(f"unchanged for {each.days} days" if each.days else "changed today")
    links = [
        Link("Block by block", f"{base}/admin/blocks"),
        Link("Coverage", f"{base}/admin#block-{each.block}"),
    ]
    if each.page:
        links.append(Link("Page", f"{base}{each.page}"))
    return Line(
        text=f"{each.block} · {each.variant}",
        detail="; ".join(detail) + ".",
        sure=each.sure,
        links=tuple(links),
    )


def _row(each: IndustryReview, word: str) -> Row:
    figure, standing = each.now, each.recent.standing
    return Row(
        name=each.name,
        lift=signed_percent(figure.lift),
        interval=interval(figure.low, figure.high) if figure.lift is not None else "",
        counted=figure.counted,
        change=_short(each.change, word),
        tone=standing.value,
        mark=MARKS[standing],
        why=" ".join(figure.why),
        target=each.recent.reached,
    )


def _short(change: Change, word: str) -> str:
    if change.points is None:
        return f"no comparison with the {word} before"
    told = _points(change.points)
    return told if change.direction in (Direction.ROSE, Direction.FELL) else f"{told}, maybe chance"


def _experiment(each: ExperimentReview) -> tuple[str, tuple[Row, ...], str]:
    rows = tuple(
        Row(
            name=arm.name,
            lift=signed_percent(arm.figure.lift),
            interval=interval(arm.figure.low, arm.figure.high) if arm.figure.lift else "",
            counted=arm.figure.counted,
            change="",
            tone=_against_zero(arm.figure),
            why=" ".join(arm.figure.why),
        )
        for arm in each.arms
    )
    against = f"{each.metric}, against “{each.control}”" if each.control else ""
    return f"{each.name} ({each.status})", rows, each.problem or against


def _against_zero(figure: Figure) -> str:
    if figure.lift is None or figure.low is None:
        return "unknown"
    if figure.low > 0:
        return "above"
    return "under" if figure.high is not None and figure.high < 0 else "open"


def _month(month: MonthReview, zone: str) -> str:
    title = read_period(month.name, zone).title
    return title if month.whole else f"{title} so far"


def _trends(months: tuple[MonthReview, ...]) -> tuple[Trend, ...]:
    names = list(dict.fromkeys(name for month in months for name in month.industries))
    return tuple(
        Trend(
            name=name or EVERYBODY,
            cells=tuple(
                _cell(
                    month.everybody if not name else month.industries.get(name, Figure()),
                    month.changes.get(name, Change()),
                )
                for month in months
            ),
        )
        for name in ("", *names)
        if months
    )


def _cell(figure: Figure, change: Change) -> Cell:
    if figure.lift is None:
        short = figure.why[0].partition(":")[0].rstrip(".") if figure.why else "no figure"
        return Cell("unknown", f"({short})", "unknown", " ".join(figure.why))
    arrow = {Direction.ROSE: "rose", Direction.FELL: "fell"}.get(change.direction, "")
    told = "" if change.points is None else _points(change.points)
    return Cell(
        signed_percent(figure.lift),
        f"{told} {arrow or ', maybe chance'}".replace(" ,", ",") if told else "",
        figure.standing.value,
        f"{interval(figure.low, figure.high)}; {figure.counted}",
    )


def subject(review: Review) -> str:
    """Return a review's headline in one line, for a mail."""
    figure = review.everybody
    told = "no figure yet" if figure.lift is None else signed_percent(figure.lift)
    kind = "Weekly" if review.period.kind is Kind.WEEK else "Monthly"
    return " ".join(f"{review.site}: {kind} review, {review.period.title}: {told}".split())
