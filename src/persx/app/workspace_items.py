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
from persx.content.texts import text_of
from persx.decide.plan import DEFAULT_CHOICE, Plan
from persx.model.item import Item, ItemId, ItemTexts
from persx.model.workspace import Page

SOURCE: Final = "workspace"
_ARTICLE: Final = "article"
_UNNAMED: Final = re.compile(r"[^a-z0-9]+")


def workspace_items(plan: Plan) -> Mapping[ItemId, Item]:
    """Return the items of a workspace by id, as its defaults say them, in all its languages.

    A product is one item, from its own page and with the tags that shelves give it. A page in the
    layout ``article`` is one, called by its path without the slash in front; what a card of a
    collection says of it counts too. Cards of a collection that says they are `recommendable` are
    items of their own, named after the collection and their titles.
    """
    found = _items(plan, "")
    translated = {
        locale: _items(plan, locale)
        for locale in sorted(plan.workspace.locales)
        if locale != plan.workspace.settings.default_locale
    }
    return {
        id: msgspec.structs.replace(
            item,
            translations={
                locale: texts
                for locale, theirs in translated.items()
                if id in theirs and (texts := _difference(item, theirs[id])) != ItemTexts()
            },
        )
        for id, item in found.items()
    }


def _difference(item: Item, translated: Item) -> ItemTexts:
    """Return the words that another language has of its own."""
    return ItemTexts(
        **{
            name: said
            for name in ("title", "text", "category")
            if (said := getattr(translated, name)) != getattr(item, name)
        }
    )


def _items(plan: Plan, locale: str) -> dict[ItemId, Item]:
    """Return the items as one language says them, under the ids that all languages share."""
    plain = dict(_contents(plan, ""))
    contents = dict(_contents(plan, locale)) if locale else plain
    places = {
        block: page for page in plan.workspace.pages.values() for block in reversed(page.blocks)
    }
    found: dict[ItemId, Item] = {}
    for name, (type, content) in contents.items():
        if type == PRODUCT.name:
            path = places[name].path if name in places else ""
            label = content.get("category_label", "") if locale else ""
            found.setdefault(
                ItemId(content["id"]),
                _product(content, path, content.get("currency", "EUR"), label),
            )
    for type, content in contents.values():
        if type == PRODUCTS.name:
            currency = content.get("currency", "EUR")
            for product in content["products"]:
                id = ItemId(product["id"])
                labels = content.get("categories", {}) if locale else {}
                label = labels.get(product["category"], "")
                named = {**product, "name": content.get("names", {}).get(id, product["name"])}
                below = found.get(id) or _product(named, product["href"], currency, label)
                tags = dict.fromkeys((*below.tags, *product.get("tags", ())))
                found[id] = msgspec.structs.replace(below, tags=tuple(tags))
    articles = {
        page.path: _article(plan, page, locale)
        for page in plan.workspace.pages.values()
        if page.layout == _ARTICLE and page.path != "/"
    }
    titles = {
        page.path: page.title for page in plan.workspace.pages.values() if page.path in articles
    }
    for name, (type, content) in contents.items():
        if type != COLLECTION.name or name not in plain:
            continue
        own = plain[name][1]["items"]
        if len(own) != len(content["items"]):
            # Nobody knows which card is which.
            continue
        for card, named in zip(content["items"], own, strict=True):
            article = articles.get(named["href"])
            if article is not None and titles[named["href"]] == named["title"]:
                articles[named["href"]] = _told_by(article, card)
            elif content.get("recommendable", False):
                idea = _card(name, named, card)
                found.setdefault(idea.id, idea)
    return found | {article.id: article for article in articles.values()}


def _contents(plan: Plan, locale: str) -> Iterator[tuple[str, tuple[str, Mapping[str, Any]]]]:
    for name, block in sorted(plan.blocks.items()):
        texts = block.texts.get(locale) or block.texts[""]
        if DEFAULT_CHOICE not in texts.broken and texts.contents:
            yield name, (block.type, texts.contents[DEFAULT_CHOICE])


def _product(content: Mapping[str, Any], path: str, currency: str, category: str = "") -> Item:
    was = content.get("was", 0.0)
    return Item(
        id=ItemId(content["id"]),
        title=content["name"],
        text=" ".join([content.get("text", ""), ", ".join(content.get("details", ()))]).strip(),
        category=(category or content["category"],),
        price=float(content["price"]),
        was=float(was) if was else None,
        art=content.get("art", ""),
        url=path,
        attributes={"source": SOURCE, "kind": "product", "currency": currency},
    )


def _article(plan: Plan, page: Page, locale: str) -> Item:
    def told(document: Page, field: str) -> str:
        return text_of(document, field, locale, plan.workspace.locales)

    parent = plan.paths.get(page.path.rpartition("/")[0])
    category = (told(parent, "navigation") or told(parent, "title"),) if parent else ()
    return Item(
        id=ItemId(page.path.strip("/")),
        title=told(page, "title"),
        text=told(page, "description"),
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


def _card(collection: str, named: Mapping[str, Any], card: Mapping[str, Any]) -> Item:
    """Return a card as an item.

    Args:
        named: The card in the workspace's own language, which it is called after.
    """
    slug = _UNNAMED.sub("-", named["title"].casefold()).strip("-")[:80]
    kicker = card.get("kicker", "")
    return Item(
        id=ItemId(f"{collection}/{slug}"),
        title=card["title"],
        text=card["text"],
        category=(kicker,) if kicker else (),
        tags=tuple(card.get("tags", ())),
        # A place within a page: views of the page that it leads to are not views of the card.
        url=f"{named['href'].partition('#')[0]}#{slug}",
        attributes={"source": SOURCE, "kind": "card"},
    )
