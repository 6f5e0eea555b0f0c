"""One item in the studio: what was done with it, what stands beside it, where it is not shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.app.audit import perform
from persx.app.item_figures import DAYS, AllFigures, ItemFigures, Recommended
from persx.app.item_keeping import HIDE_ITEMS, HideItems
from persx.app.item_listing import ShowItem, show_item
from persx.app.item_neighbours import Beside, Knows, beside_item
from persx.app.services import Services
from persx.content.money import money
from persx.experiments import wording
from persx.model.clock import Millis
from persx.model.errors import NotFound, PersxError, Unavailable
from persx.model.item import Item
from persx.recommend.ranking.closed import Bar, Closed
from persx.web.admin.catalogue import ITEM_PATH, PATH, ItemCard, card_of
from persx.web.admin.frame import site_name, studio_page
from persx.web.admin.session import actor_of, back, field, staff_of
from persx.web.visitors import services_of

_HEIGHT: Final = 40

_KNOWS: Final = {
    Knows.NOTHING_YET: ("not trained yet", ""),
    Knows.TRAINED: ("learned from", "good"),
    Knows.COMPARED: ("new: compared by content", "good"),
    Knows.WAITING: ("waits for the next training", "waits"),
}
"""In a word or two, and its tone."""

_SHUT: Final = {
    Bar.HIDDEN: "It is hidden.",
    Bar.UNAVAILABLE: "It is sold out.",
    Bar.NOT_AMONG: "The pipeline is limited to other items (only).",
    Bar.NO_PRICE: "It has no price, and the pipeline asks for one.",
    Bar.CHEAP: "It costs less than the pipeline asks for (price_from).",
    Bar.EXPENSIVE: "It costs more than the pipeline allows (price_to).",
    Bar.EXCLUDED: "Rule {rule} excludes it",
    Bar.NOT_INCLUDED: "Rule {rule} lets in others only",
    Bar.ASKED: "It depends on the visitor or the page: rule {rule}",
}


class BarView(msgspec.Struct, frozen=True):
    """One day of the sparkline: where its bar begins, and how high it is, in a box of 40."""

    x: float
    y: float
    width: float
    height: float


class WhereView(msgspec.Struct, frozen=True):
    """How often it was shown and clicked in one block."""

    block: str
    pipeline: str
    shown: str
    clicks: str
    rate: str


class FiguresView(msgspec.Struct, frozen=True, kw_only=True):
    """What was done with it lately, in words.

    Attributes:
        told: What each figure is of, and the figure.
        bars: Views by day.
        most: Views of the day with the most.
    """

    days: int
    as_of: Millis
    since: Millis
    told: tuple[tuple[str, str], ...]
    bars: tuple[BarView, ...] = ()
    most: str = ""
    where: tuple[WhereView, ...] = ()


class NeighbourView(msgspec.Struct, frozen=True, kw_only=True):
    """An item beside it, and why."""

    card: ItemCard
    reason: str


class ShutView(msgspec.Struct, frozen=True):
    """Why a pipeline does not show it: in words, and the rule that says so.

    Attributes:
        hard: Nobody is shown it because of that.
    """

    text: str
    rule: str
    hard: bool


class BesideView(msgspec.Struct, frozen=True, kw_only=True):
    """What one pipeline has to do with it."""

    beside: Beside
    knows: str
    tone: str
    neighbours: tuple[NeighbourView, ...] = ()
    shut: tuple[ShutView, ...] = ()


class WordsView(msgspec.Struct, frozen=True):
    """Its words in one more language."""

    locale: str
    title: str
    text: str
    category: str
    url: str


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """One item with all that is known of it; none where there is no such one.

    Attributes:
        here: This page's address.
        facts: Further facts, in words.
        figures: None where they are being counted.
        pipelines: All of them; `anchored` are those whose lists depend on it.
    """

    name: str
    id: str
    card: ItemCard | None
    here: str
    facts: tuple[tuple[str, str], ...] = ()
    words: tuple[WordsView, ...] = ()
    figures: FiguresView | None = None
    pipelines: tuple[BesideView, ...] = ()
    problem: str = ""

    @property
    def anchored(self) -> tuple[BesideView, ...]:
        """The pipelines that show other items beside it than elsewhere."""
        return tuple(each for each in self.pipelines if each.beside.anchored or each.beside.error)

    @property
    def elsewhere(self) -> tuple[BesideView, ...]:
        """The pipelines whose lists are the same beside every item."""
        shown = self.anchored
        return tuple(each for each in self.pipelines if each not in shown)


async def show_one(request: Request) -> Response:
    """Show one item with all that is known of it."""
    return await _item_page(request, request.query_params.get("id", "")[:300])


async def hide_one(request: Request) -> Response:
    """Hide an item from every recommendation, or show it again, from the next request on."""
    services, staff = services_of(request), staff_of(request)
    assert staff is not None
    form = await request.form()
    asked = HideItems(ids=(field(form, "id"),), hidden=field(form, "hidden") == "yes")
    try:
        await perform(services, HIDE_ITEMS, asked, actor_of(request, staff))
    except NotFound:
        return await _item_page(request, field(form, "id")[:300])
    except PersxError as error:
        return await _item_page(request, field(form, "id")[:300], problem=str(error), status=503)
    return back(field(form, "next"), PATH)


async def _item_page(
    request: Request, id: str, *, problem: str = "", status: int = 200
) -> Response:
    services = services_of(request)
    view = ItemView(
        name=site_name(request),
        id=id,
        card=None,
        here=f"{ITEM_PATH}?{urlencode({'id': id})}",
        problem=problem,
    )
    try:
        found = await show_item(services, ShowItem(id=id))
    except NotFound:
        return studio_page(request, "admin/item.html", view, 404)
    item = found.item
    figures = await services.item_figures.current(services)
    view = msgspec.structs.replace(
        view,
        card=card_of(item, workspace=found.workspace),
        facts=tuple((name, _in_words(value)) for name, value in sorted(item.attributes.items())),
        words=tuple(
            WordsView(locale, each.title, each.text, " › ".join(each.category), each.url)
            for locale, each in sorted(item.translations.items())
        ),
        figures=figures_view(figures, item, _currency(services, item)) if figures else None,
        pipelines=await _pipelines(services, item),
    )
    return studio_page(request, "admin/item.html", view, status)


async def _pipelines(services: Services, item: Item) -> tuple[BesideView, ...]:
    try:
        found = await beside_item(services, item.id)
    except Unavailable:
        return ()
    ours = services.catalogue.ours
    return tuple(
        BesideView(
            beside=each,
            knows=_KNOWS[each.knows][0],
            tone=_KNOWS[each.knows][1],
            neighbours=tuple(
                NeighbourView(
                    card=card_of(one.item, workspace=one.item.id in ours), reason=one.reason
                )
                for one in each.items
            ),
            shut=tuple(map(_shut, each.closed)),
        )
        for each in found
    )


def _shut(closed: Closed) -> ShutView:
    return ShutView(_SHUT[closed.bar].format(rule=closed.rule), closed.when, closed.for_all)


def _currency(services: Services, item: Item) -> str:
    plan = services.publication.plan
    own = plan.workspace.settings.currency if plan is not None else ""
    return own or str(item.attributes.get("currency", ""))[:3] or "EUR"


def figures_view(found: AllFigures, item: Item, currency: str) -> FiguresView:
    """Arrange what was done with an item."""
    told = found.of(item.id)
    most = max(told.days)
    return FiguresView(
        days=DAYS,
        as_of=found.as_of,
        since=found.since,
        told=tuple(_figures(told, currency)),
        bars=_bars(told.days, most) if most else (),
        most=f"{most:,}",
        where=tuple(_where(each) for each in told.where),
    )


def _figures(told: ItemFigures, currency: str) -> list[tuple[str, str]]:
    pieces = told.pieces
    found = [
        ("Views", f"{told.views:,}"),
        ("Put into a cart", f"{told.added:,}"),
        ("Orders with it", f"{told.orders:,}"),
    ]
    if told.orders:
        found.append(("Pieces", f"{pieces:,.0f}" if pieces.is_integer() else f"{pieces:,.1f}"))
    if told.revenue:
        found.append(("Revenue", money(told.revenue, currency)))
    return [
        *found,
        ("Times recommended", f"{told.shown:,}"),
        ("Clicks there", f"{told.clicks:,}"),
    ]


def _bars(days: Sequence[int], most: int) -> tuple[BarView, ...]:
    step = 100 / len(days)
    found = []
    for place, views in enumerate(days):
        # A day with one view is seen beside one with a thousand.
        height = max(round(_HEIGHT * views / most, 2), 2.0) if views else 1.0
        found.append(
            BarView(round(place * step, 2), _HEIGHT - height, round(step * 0.72, 2), height)
        )
    return tuple(found)


def _where(each: Recommended) -> WhereView:
    rate = each.clicks / each.shown if each.shown else None
    return WhereView(
        each.block or "–",
        each.pipeline or "–",
        f"{each.shown:,}",
        f"{each.clicks:,}",
        "–" if rate is None else wording.rate("conversion", rate),
    )


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
