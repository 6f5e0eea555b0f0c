"""Workspace items: what a published workspace shows that can be recommended, as items.

Products, articles and the cards of collections are items without anybody importing them; they
follow from what is published, so they are never out of date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from persx.content.blocks.collection import COLLECTION
from persx.content.blocks.product import PRODUCT
from persx.content.blocks.products import PRODUCTS
from persx.decide.plan import DEFAULT_CHOICE, Plan
from persx.model.item import Item, ItemId
from persx.model.workspace import Page

SOURCE: Final = "workspace"
_ARTICLE: Final = "article"
_UNNAMED: Final = re.compile(r"[^a-z0-9]+")


def workspace_items(plan: Plan) -> Mapping[ItemId, Item]:
    """Return the items of a workspace by id, in its own language, as its defaults say them.

    A product is one item, from its own page and with the tags that shelves give it. A page in the
    layout ``article`` is one, called by its path without the slash in front; what a card of a
    collection says of it counts too. Cards of a collection that says they are `recommendable` are
    items of their own, named after the collection and their titles.
    """
    contents = dict(_contents(plan))
    places = {
        block: page for page in plan.workspace.pages.values() for block in reversed(page.blocks)
    }
    found: dict[ItemId, Item] = {}
    for name, (type, content) in contents.items():
        if type == PRODUCT.name:
            path = places[name].path if name in places else ""
            found.setdefault(
                ItemId(content["id"]), _product(content, path, content.get("currency", "EUR"))
            )
    for type, content in contents.values():
        if type == PRODUCTS.name:
            currency = content.get("currency", "EUR")
            for product in content["products"]:
                id = ItemId(product["id"])
                below = found.get(id) or _product(product, product["href"], currency)
                tags = dict.fromkeys((*below.tags, *product.get("tags", ())))
                found[id] = msgspec.structs.replace(below, tags=tuple(tags))
    articles = {
        page.path: _article(plan, page)
        for page in plan.workspace.pages.values()
        if page.layout == _ARTICLE and page.path != "/"
    }
    for name, (type, content) in contents.items():
        if type != COLLECTION.name:
            continue
        for card in content["items"]:
            article = articles.get(card["href"])
            if article is not None and article.title == card["title"]:
                articles[card["href"]] = _told_by(article, card)
            elif content.get("recommendable", False):
                idea = _card(name, card)
                found.setdefault(idea.id, idea)
    return found | {article.id: article for article in articles.values()}


def _contents(plan: Plan) -> Iterator[tuple[str, tuple[str, Mapping[str, Any]]]]:
    for name, block in sorted(plan.blocks.items()):
        texts = block.texts[""]
        if DEFAULT_CHOICE not in texts.broken and texts.contents:
            yield name, (block.type, texts.contents[DEFAULT_CHOICE])


def _product(content: Mapping[str, Any], path: str, currency: str) -> Item:
    was = content.get("was", 0.0)
    return Item(
        id=ItemId(content["id"]),
        title=content["name"],
        text=" ".join([content.get("text", ""), ", ".join(content.get("details", ()))]).strip(),
        category=(content["category"],),
        price=float(content["price"]),
        was=float(was) if was else None,
        art=content.get("art", ""),
        url=path,
        attributes={"source": SOURCE, "kind": "product", "currency": currency},
    )


def _article(plan: Plan, page: Page) -> Item:
    parent = plan.paths.get(page.path.rpartition("/")[0])
    category = (parent.navigation or parent.title,) if parent else ()
    return Item(
        id=ItemId(page.path.strip("/")),
        title=page.title,
        text=page.description,
        category=category,
        url=page.path,
        attributes={"source": SOURCE, "kind": _ARTICLE},
    )


def _told_by(article: Item, card: Mapping[str, Any]) -> Item:
    """Return an article with what a card says of it: its subject, its tags, a sentence more."""
    kicker, text = card.get("kicker", ""), card["text"]
    tags = dict.fromkeys((*article.tags, *card.get("tags", ())))
    return msgspec.structs.replace(
        article,
        category=(*article.category[:1], kicker) if kicker else article.category,
        text=article.text if text in article.text else f"{article.text} {text}".strip(),
        tags=tuple(tags),
    )


def _card(collection: str, card: Mapping[str, Any]) -> Item:
    slug = _UNNAMED.sub("-", card["title"].casefold()).strip("-")[:80]
    kicker = card.get("kicker", "")
    return Item(
        id=ItemId(f"{collection}/{slug}"),
        title=card["title"],
        text=card["text"],
        category=(kicker,) if kicker else (),
        tags=tuple(card.get("tags", ())),
        # A place within a page: views of the page that it leads to are not views of the card.
        url=f"{card['href'].partition('#')[0]}#{slug}",
        attributes={"source": SOURCE, "kind": "card"},
    )
