"""What the studio's overview makes of a report and of the coverage, without a server."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from persx.app.access import make_link
from persx.experiments.groups import Group
from persx.experiments.moments import Moments
from persx.experiments.readout import MetricPlan, Observed, Readout, ReadoutPlan, read_out
from persx.model.attribute import Attribute
from persx.model.clock import DAY
from persx.model.workspace import Block, Industry, Page, Variant, Workspace
from persx.web.admin.coverage import Count, count, coverage_pages
from persx.web.admin.lift import of_readout

INDUSTRIES = ("SaaS", "Education", "Healthcare")


def a_group(name: str, n: int, *, bought: int, returned: int, spent: int) -> Group:
    """An arm of which some bought, each for as much as another, and some sent back."""
    value = spent * spent / bought
    return Group(
        arm=name,
        n=n,
        metrics={
            "bought": Moments(n=n, sums=(bought,), products=(bought,)),
            "returned": Moments(n=n, sums=(returned,), products=(returned,)),
            "value": Moments(n=n, sums=(spent, bought), products=(value, spent, bought)),
        },
    )


def a_readout(
    control: tuple[int, int], arm: tuple[int, int], *, days: int = 30, goals: bool = True
) -> Readout:
    def groups(name: str, n: int, total: int) -> list[Group]:
        sums = {"contact": Moments(n=n, sums=(total,), products=(total,))}
        return [
            Group(arm=name, n=n, metrics=sums),
            Group(arm=name, n=n, metrics=sums, attribute="industry", segment="SaaS"),
        ]

    return read_out(
        ReadoutPlan(
            experiment="holdout",
            source="live",
            control="generic",
            comparator="generic: default content everywhere",
            weights={"generic": control[1], "targeted": arm[1]},
            default_target=0.15,
            metrics=[MetricPlan(name="contact", kind="conversion", label="Contact")]
            if goals
            else [],
        ),
        Observed(
            groups=[
                *groups("generic", control[1], control[0]),
                *groups("targeted", arm[1], arm[0]),
            ],
            as_of=days * DAY,
            first_exposure=0,
        ),
    )


@pytest.mark.parametrize(
    ("control", "arm", "verdict", "words"),
    [
        ((500, 10_000), (800, 10_000), "better", "The target of 15% is reached"),
        ((5_000, 10_000), (5_300, 10_000), "better", "by less than the target"),
        ((500, 10_000), (580, 10_000), "better", "15% is within the interval"),
        ((500, 10_000), (505, 10_000), "unclear", "No difference is shown yet"),
        ((800, 10_000), (500, 10_000), "worse", "do worse"),
    ],
)
def test_the_figure_is_said_in_words(
    control: tuple[int, int], arm: tuple[int, int], verdict: str, words: str
) -> None:
    view = of_readout(a_readout(control, arm), INDUSTRIES)
    assert view.verdict == verdict
    assert words in view.meaning
    assert [each.visitors for each in view.arms] == [10_000, 10_000]
    assert [each.name for each in view.industries] == ["SaaS"]
    scale = view.scale
    assert scale is not None
    assert 0 <= scale.low <= scale.at <= scale.high <= 100
    assert 0 <= scale.zero < scale.target <= 100


def test_figures_stand_beside_the_target() -> None:
    view = of_readout(a_readout((500, 10_000), (800, 10_000)), INDUSTRIES)
    assert (view.lift, view.target, view.metric) == ("+60.0%", "15%", "Contact")
    assert view.arms[1].detail == "800 of 10,000"


def test_a_figure_that_is_withheld_gives_the_reasons_and_the_visitors() -> None:
    view = of_readout(a_readout((50, 1_000), (80, 1_000), days=2), INDUSTRIES)
    assert (view.lift, view.scale, view.industries) == ("", None, ())
    assert "A whole week has not passed" in view.withheld[0]
    assert [each.visitors for each in view.arms] == [1_000, 1_000]


def test_an_interval_without_an_end_stays_on_the_scale() -> None:
    view = of_readout(a_readout((12, 1_000_000), (50_000, 1_000_000)), INDUSTRIES)
    assert view.scale is not None
    assert view.scale.high <= 100


def test_without_goals_there_is_a_note() -> None:
    assert "no goal" in of_readout(a_readout((1, 10), (1, 10), goals=False), INDUSTRIES).note


@pytest.mark.anyio
async def test_the_overview_stays_up_when_the_report_fails(client: Any, services: Any) -> None:
    class Broken:
        async def query(self, *args: Any, **options: Any) -> None:
            raise OSError("the disk is gone")

        query_together = query

    await client.get(await make_link(services))
    working, services.warehouse = services.warehouse, Broken()
    page = await client.get("/admin")
    services.warehouse = working
    assert page.status_code == 200
    assert "could not be computed" in page.text
    assert "unknown" in page.text
    assert "home-hero" in page.text
    assert "could not be computed" not in (await client.get("/admin")).text


def a_workspace(**variants: tuple[str, ...]) -> Workspace:
    return Workspace(
        industries={name: Industry(name=name) for name in INDUSTRIES},
        attributes={"industry": Attribute(name="industry", values=INDUSTRIES)},
        blocks={
            name: Block(
                name=name,
                type="cta",
                content={"headline": "x", "label": "x", "href": "/"},
                coverage_opt_out=("*",) if name == "body" else (),
                variants=tuple(
                    Variant(name=each.lower(), when=f'industry == "{each}"') for each in own
                ),
            )
            for name, own in variants.items()
        },
        pages={
            "home": Page(name="home", path="/", title="Home", blocks=("hero", "body"), order=1),
            "about": Page(name="about", path="/about", title="About", blocks=("cta",), order=2),
        },
    )


def test_what_is_missing_comes_first_and_is_counted() -> None:
    workspace = a_workspace(
        hero=INDUSTRIES, body=(), cta=("SaaS",), aside=("SaaS", "Education", "Healthcare")
    )
    pages = coverage_pages(workspace)
    assert [page.title for page in pages] == ["About", "Home", "On no page"]
    about, home, nowhere = pages
    assert about.missing == 2
    assert about.blocks[0].missing == ("Education", "Healthcare")
    assert about.counts == (Count(1, 1), Count(0, 1), Count(0, 1))
    assert home.counts == (Count(1, 1),) * 3
    assert (nowhere.path, [block.name for block in nowhere.blocks]) == ("", ["aside"])
    assert count(pages) == Count(7, 9)


def test_without_industries_there_is_nothing_to_cover() -> None:
    workspace = msgspec.structs.replace(a_workspace(hero=(), body=(), cta=()), industries={})
    assert coverage_pages(workspace) == ()


def test_a_complete_workspace_lacks_nothing() -> None:
    pages = coverage_pages(a_workspace(hero=INDUSTRIES, body=(), cta=INDUSTRIES))
    assert [page.title for page in pages] == ["Home", "About"]
    assert sum(page.missing for page in pages) == 0
