"""``/v1/items``: a shop's own backend sends, changes, reads and removes items of the catalogue."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from persx.app.audit import perform
from persx.app.item_keeping import (
    MOST,
    REMOVE_ITEMS,
    ItemIds,
    ItemsPut,
    PutItems,
    Refused,
    no_item,
    put_items,
)
from persx.app.item_listing import ListedItem, ListItems, ShowItem, list_items, show_item
from persx.app.services import Services
from persx.model.errors import BadInput
from persx.model.item import Item
from persx.model.key import KeyScope
from persx.model.staff import Actor
from persx.recommend.feeds import feed_of, said
from persx.storage.items import ItemsWritten
from persx.web.api.answers import answers, body, json
from persx.web.keys import allowed, key_of
from persx.web.visitors import network_of, services_of

MOST_BYTES: Final = 8 << 20
"""Of a request's body."""


class ItemsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Items with any of their fields, under our names or those of feeds; others are attributes.

    Attributes:
        items: Up to 1,000. Of an item that is there already, what is not said stays.
        replace: What is said of an item is all that is known of it.
    """

    items: list[dict[str, Any]]
    replace: bool = False


class ItemPage(msgspec.Struct, frozen=True, kw_only=True):
    """Items in the order of their ids; `next` is what to ask with as `after` for more."""

    items: tuple[Item, ...]
    total: int
    next: str = ""


def _entitled(request: Request) -> tuple[Services, Actor]:
    services = services_of(request)
    key = allowed(request, services, key_of(request.headers))
    key.need(KeyScope.CATALOGUE_WRITE)
    return services, Actor(key.who, network_of(request))


@answers
async def send_items(request: Request) -> Response:
    """Send up to 1,000 items; they count with the next request. Bad ones are refused singly."""
    services, _ = _entitled(request)
    asked = await body(request, ItemsRequest, most=MOST_BYTES)
    if len(asked.items) > MOST:
        raise BadInput(f"{len(asked.items):,} items are too many.", hint=f"Send up to {MOST:,}.")
    rows: list[dict[str, Any]] = []
    places: list[int] = []
    refused: list[Refused] = []
    for place, row in enumerate(asked.items):
        try:
            rows.append(_facts(row))
            places.append(place)
        except BadInput as error:
            refused.append(Refused(place, str(row.get("id", ""))[:200], error.message))
    put = await put_items(services, PutItems(items=tuple(rows), whole=asked.replace))
    refused += [msgspec.structs.replace(each, place=places[each.place]) for each in put.refused]
    done = ItemsPut(
        written=put.written, refused=tuple(sorted(refused, key=lambda each: each.place))
    )
    nothing_kept = len(done.refused) == len(asked.items) > 0
    return json(done, 400 if nothing_kept else 200)


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    if not row:
        raise BadInput("It says nothing.")
    told = said(row, feed_of(row))
    return {"id": told.id, **told.facts}


@answers
async def change_item(request: Request) -> Response:
    """Change some facts of one item, such as ``{"available": false}``; the others stay."""
    services, _ = _entitled(request)
    id = request.path_params["id"]
    row = await body(request, dict[str, Any])
    facts = _facts({**row, "id": id})
    done = await put_items(services, PutItems(items=(facts,), known=True))
    for refused in done.refused:
        if refused.id == id and (await services.current_catalogue()).get(id) is None:
            raise no_item(id)
        raise BadInput(refused.reason, value=id)
    return json((await show_item(services, ShowItem(id=id))).item)


@answers
async def read_item(request: Request) -> Response:
    """Return one item as it is now, imported or of the workspace."""
    services, _ = _entitled(request)
    found: ListedItem = await show_item(services, ShowItem(id=request.path_params["id"]))
    return json(found.item)


@answers
async def remove_item(request: Request) -> Response:
    """Remove one item that was sent or imported; it is noted in the audit log."""
    services, actor = _entitled(request)
    asked = ItemIds(ids=(request.path_params["id"],))
    done: ItemsWritten = await perform(services, REMOVE_ITEMS, asked, actor)
    return json(done)


@answers
async def read_items(request: Request) -> Response:
    """Return a page of the catalogue in the order of ids; ``after`` asks for the next."""
    services, _ = _entitled(request)
    asked = request.query_params
    limit = asked.get("limit", "100")
    if not (limit.isascii() and limit.isdecimal() and 0 < int(limit[:9]) <= MOST):
        raise BadInput(f"'{limit[:20]}' is no limit.", value=limit, hint=f"Take 1 to {MOST:,}.")
    found = await list_items(
        services,
        ListItems(after=asked.get("after", ""), search=asked.get("search", ""), limit=int(limit)),
    )
    page = ItemPage(
        items=tuple(each.item for each in found.items), total=found.matching, next=found.next
    )
    return json(page)


def routes() -> list[Route]:
    """Return the routes of this file. Ids may hold slashes, as those of pages do."""
    return [
        Route("/v1/items", read_items, methods=["GET"]),
        Route("/v1/items", send_items, methods=["POST"]),
        Route("/v1/items/{id:path}", read_item, methods=["GET"]),
        Route("/v1/items/{id:path}", change_item, methods=["PATCH"]),
        Route("/v1/items/{id:path}", remove_item, methods=["DELETE"]),
    ]
