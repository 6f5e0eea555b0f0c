"""The attribute catalogue in the studio: what is kept, why, who uses it, is it ever filled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from persx.app.census import CensusRequest, census
from persx.web.admin.frame import studio_page
from persx.web.visitors import services_of
from persx.workspace.attribute_uses import CatalogueEntry, Use

SAMPLE: Final = 5_000
"""Visitors that are looked at; the share among so many is right to a percent or two."""

WORDS: Final = {
    "attributes": ("other attribute", "other attributes"),
    "audiences": ("audience", "audiences"),
    "blocks": ("variant", "variants"),
    "experiments": ("experiment", "experiments"),
    "industries": ("industry", "industries"),
    "personas": ("persona", "personas"),
    "pipelines": ("pipeline", "pipelines"),
    "questions": ("question", "questions"),
    "strategies": ("strategy", "strategies"),
    "settings": ("setting", "settings"),
}
"""What a use is called, one and several."""


class UseGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The uses of one kind: how many, in words, and which."""

    count: str
    places: tuple[str, ...]


class AttributeRow(msgspec.Struct, frozen=True, kw_only=True):
    """An attribute; `share` says for how many of a hundred visitors it is known.

    `asked` names the places where visitors tell it.
    """

    entry: CatalogueEntry
    uses: tuple[UseGroup, ...]
    asked: tuple[str, ...]
    known: int
    share: str
    width: int


class AttributesView(msgspec.Struct, frozen=True, kw_only=True):
    """The catalogue, and how many visitors were looked at."""

    name: str
    rows: tuple[AttributeRow, ...] = ()
    visitors: int = 0
    whole: bool = True
    unused: tuple[str, ...] = ()
    never_filled: tuple[str, ...] = ()


async def list_attributes(request: Request) -> Response:
    """List the attributes with their uses, and the share of visitors for whom each is known."""
    services = services_of(request)
    if services.publication.plan is None:
        return studio_page(request, "admin/attributes.html", AttributesView(name="persx"))
    found = await census(services, CensusRequest(most=SAMPLE))
    rows = tuple(_row(each, found.known[each.name], found.visitors) for each in found.entries)
    return studio_page(
        request,
        "admin/attributes.html",
        AttributesView(
            name=found.name,
            rows=rows,
            visitors=found.visitors,
            whole=found.whole,
            unused=tuple(each.name for each in found.entries if each.unused),
            never_filled=tuple(found.never_filled),
        ),
    )


def _row(entry: CatalogueEntry, known: int, visitors: int) -> AttributeRow:
    share = known / visitors if visitors else 0.0
    return AttributeRow(
        entry=entry,
        uses=tuple(_groups(entry.uses)),
        asked=entry.asked_in,
        known=known,
        share=f"{share:.0%}" if known == 0 or share >= 0.01 else "<1%",
        width=round(share * 100),
    )


def _groups(uses: Iterable[Use]) -> Iterable[UseGroup]:
    by_kind: dict[str, list[Use]] = {}
    for use in uses:
        by_kind.setdefault(use.kind, []).append(use)
    for kind, each in by_kind.items():
        one, several = WORDS[kind]
        yield UseGroup(
            count=f"{len(each)} {one if len(each) == 1 else several}",
            places=tuple(f"{use.name} · {use.path}".removeprefix(" · ") for use in each),
        )
