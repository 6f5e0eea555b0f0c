"""The HTML report: complete, self-contained, and hostile names stay text."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise

import pytest

from persx.experiments.groups import Group
from persx.experiments.moments import Moments
from persx.experiments.readout import MetricPlan, Observed, Readout, ReadoutPlan, read_out
from persx.web.report_page import render_report, report_page

HOSTILE = '"><script>alert(1)</script>{{ 7 * 7 }}'


def a_readout(*, arm: str = "targeted", conversions: int = 90, source: str = "live") -> Readout:
    def group(name: str, n: int, total: int, segment: str = "") -> Group:
        return Group(
            arm=name,
            n=n,
            metrics={
                "signup": Moments(n=n, sums=(total,), products=(total,)),
                "value": Moments(n=n, sums=(total * 3,), products=(total * 12,)),
            },
            attribute="industry" if segment else "",
            segment=segment,
        )

    return read_out(
        ReadoutPlan(
            experiment=f"exp {arm}",
            source=source,
            control="generic",
            comparator="generic: default content everywhere",
            weights={"generic": 1, arm: 1},
            metrics=[
                MetricPlan(name="signup", kind="conversion", label=f"Sign-up {arm}"),
                MetricPlan(name="value", kind="mean"),
            ],
        ),
        Observed(
            groups=[
                group("generic", 1_000, 50),
                group(arm, 1_000, conversions),
                group("generic", 500, 0, "SaaS"),
                group(arm, 500, 20, "SaaS"),
                group("generic", 500, 50, arm),
                group(arm, 500, 5, arm),
            ],
            as_of=90 * 86_400_000,
            first_exposure=0,
            snapshot=12,
            notes=[arm],
        ),
    )


class Tags(HTMLParser):
    """Collects tags and checks that they are closed in order."""

    VOID = frozenset({"meta", "line", "circle", "path", "br", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("arm", ["targeted", HOSTILE])
def test_the_page_is_whole_and_self_contained(arm: str) -> None:
    html = render_report(a_readout(arm=arm))
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    names = [name for name, _ in tags.seen]
    assert "script" not in names
    assert names.count("table") == 4
    assert names.count("h1") == 1
    assert not [attrs for _, attrs in tags.seen if {"src", "href", "onclick"} & set(attrs)]
    assert "url(" not in html
    assert "@import" not in html
    assert "49" not in html.replace("1,000", "").split("<title>")[1].split("</title>")[0]


def test_figures_stand_with_their_denominators() -> None:
    html = render_report(a_readout())
    for text in (
        "+80.0%",
        "90 of 1,000",
        "50 of 1,000",
        "Snapshot",
        "1970-04-01 00:00 UTC",
        "fits the plan",
        "Koopman",
    ):
        assert text in html


def test_what_is_withheld_shows_the_reason_and_no_figure() -> None:
    page = report_page(a_readout(conversions=0))
    assert not page.cards[0].withheld
    few = report_page(
        read_out(
            ReadoutPlan(
                experiment="x",
                source="live",
                control="a",
                comparator="the arm a",
                weights={"a": 1, "b": 1},
                metrics=[MetricPlan(name="m", kind="conversion")],
            ),
            Observed(groups=[], as_of=0),
        )
    )
    card = few.cards[0]
    assert card.withheld
    assert card.lift == "–"
    assert card.mark is None


def test_marks_lie_on_the_axis_and_say_where_they_go_on() -> None:
    page = report_page(a_readout())
    tables = [*page.overall, *(table for section in page.sections for table in section.tables)]
    marks = [row.mark for table in tables for row in table.rows if row.mark]
    assert marks
    for mark in marks:
        assert 0 <= mark.low <= mark.high <= 100
        assert mark.x is None or mark.low <= mark.x <= mark.high
    # SaaS: the control has no conversions, so the interval has no upper end.
    saas = next(row for row in page.sections[0].tables[0].rows if row.group == "SaaS")
    assert saas.mark
    assert saas.mark.off_right
    assert saas.interval.endswith("or more")
    assert saas.reason
    for table in tables:
        places = [tick.x for tick in table.ticks]
        assert places == sorted(places)
        assert all(right - left >= 14 for left, right in pairwise(places))


def test_a_readout_without_metrics_or_visitors_still_renders() -> None:
    nothing = read_out(
        ReadoutPlan(
            experiment="x", source="live", control="a", comparator="a", weights={"a": 1, "b": 1}
        ),
        Observed(groups=[], as_of=0),
    )
    assert "<h1>x</h1>" in render_report(nothing)
