"""The catalogue in memory: items by id, by the path of their page, and as columns by code.

A catalogue never changes; a change gives another one that shares what stayed. Codes do not change
from one to the next: a new item gets the next code, and that of a removed one stays empty.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.model.item import Item, ItemId, said_of
from persx.recommend.query import NOTHING, Codes

Mask = NDArray[np.bool_]
Path = tuple[str, ...]
Paths = tuple[str, ...]
Key = TypeVar("Key", Path, str)

_DEFAULTS: Final = Item(id=ItemId(""))
_FACTS: Final = tuple(name for name in Item.__struct_fields__ if name != "id")


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Facts of n codes; those of an empty code are as of an item that is not shown.

    Attributes:
        shown: (n,) whether it may be shown: it is there, available, and not hidden.
        price: (n,) float32; not a number where it has no price.
        category: (n,) int32, place in `Catalogue.categories`; `NOTHING` where it has none.
        brand: (n,) int32, place in `Catalogue.brands`; `NOTHING` where it has none.
        added: (n,) int64, epoch milliseconds; 0 where nobody knows.
    """

    shown: Mask
    price: NDArray[np.float32]
    category: Codes
    brand: Codes
    added: NDArray[np.int64]

    def grown(self, count: int) -> Columns:
        """Return copies with more codes at their end, all empty."""
        return Columns(
            shown=np.append(self.shown, np.zeros(count, dtype=np.bool_)),
            price=np.append(self.price, np.full(count, np.nan, dtype=np.float32)),
            category=np.append(self.category, np.full(count, NOTHING, dtype=np.int32)),
            brand=np.append(self.brand, np.full(count, NOTHING, dtype=np.int32)),
            added=np.append(self.added, np.zeros(count, dtype=np.int64)),
        )


_NO_COLUMNS: Final = Columns(
    shown=np.empty(0, dtype=np.bool_),
    price=np.empty(0, dtype=np.float32),
    category=np.empty(0, dtype=np.int32),
    brand=np.empty(0, dtype=np.int32),
    added=np.empty(0, dtype=np.int64),
)


@dataclass(frozen=True, eq=False, repr=False)
class Catalogue:
    """The items of one moment. n codes.

    Attributes:
        items: n items by code; None where one was removed.
        codes: Code by id, of removed ones too.
        columns: Their facts as arrays.
        categories: Paths of categories, by the codes in `columns.category`.
        brands: By the codes in `columns.brand`.
        revision: Of the kept items.
        snapshot: Number of the publication whose items lie below the kept ones.
    """

    items: Sequence[Item | None] = ()
    codes: Mapping[str, int] = field(default_factory=dict)
    columns: Columns = _NO_COLUMNS
    categories: tuple[Path, ...] = ()
    brands: tuple[str, ...] = ()
    revision: int = 0
    snapshot: int = 0
    _pages: Sequence[Paths] = ()
    _owners: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many items there are."""
        return len(self.items) - self._removed

    @cached_property
    def _removed(self) -> int:
        return sum(item is None for item in self.items)

    @property
    def size(self) -> int:
        """n: how many codes there are."""
        return len(self.items)

    @property
    def shown(self) -> Mask:
        """(n,) whether each may be shown at all."""
        return self.columns.shown

    def get(self, id: str) -> Item | None:
        """Return an item by its id."""
        code = self.codes.get(id, NOTHING)
        return None if code == NOTHING else self.items[code]

    def code(self, touched: str) -> int:
        """Return the code of what somebody touched: an id, or the path of a page; or `NOTHING`.

        Of several items with one page it is that with the least id.
        """
        if touched.startswith("/"):
            return self._owners.get(page_of(touched), NOTHING)
        return self.codes.get(touched, NOTHING)

    def at(self, path: str) -> Item | None:
        """Return the item whose page is at a path."""
        code = self._owners.get(page_of(path), NOTHING)
        return None if code == NOTHING else self.items[code]

    def codes_of(self, ids: Iterable[str]) -> Codes:
        """Return the code of each id, `NOTHING` where the catalogue has none."""
        get = self.codes.get
        return np.fromiter((get(id, NOTHING) for id in ids), dtype=np.int32)

    def present(self) -> dict[ItemId, Item]:
        """Return all items by id, in the order of their codes."""
        return {item.id: item for item in self.items if item is not None}

    def category_mask(self, path: Sequence[str]) -> Mask:
        """Return (n,) which items are of a category, or of one within it; all for no path."""
        wanted = tuple(path)
        if not wanted:
            return np.array([item is not None for item in self.items], dtype=np.bool_)
        table = np.array(
            [*(each[: len(wanted)] == wanted for each in self.categories), False], dtype=np.bool_
        )
        # What has none points at the last, which is false.
        return table[self.columns.category]

    def brand_code(self, brand: str) -> int:
        """Return the code of a brand; `NOTHING` where no item ever had it."""
        return self._brand_codes.get(brand, NOTHING)

    @cached_property
    def _brand_codes(self) -> Mapping[str, int]:
        return {brand: code for code, brand in enumerate(self.brands)}

    @cached_property
    def _category_codes(self) -> Mapping[Path, int]:
        return {path: code for code, path in enumerate(self.categories)}

    def changed(
        self, changes: Mapping[ItemId, Item | None], *, revision: int = 0, snapshot: int = 0
    ) -> Catalogue:
        """Return the catalogue after some changes.

        Args:
            changes: Items as they are now, by id; none for one that is removed.
            revision: Of the kept items, then.
            snapshot: Whose items lie below them, then.
        """
        if not changes:
            return replace(self, revision=revision, snapshot=snapshot)
        fresh = [id for id in changes if changes[id] is not None and id not in self.codes]
        codes: Mapping[str, int] = self.codes
        if fresh:
            codes = {**codes, **{id: len(codes) + place for place, id in enumerate(fresh)}}
        items = [*self.items, *([None] * len(fresh))]
        columns = self.columns.grown(len(fresh))
        categories, brands = dict(self._category_codes), dict(self._brand_codes)
        pages = {}
        for id, item in changes.items():
            code = codes.get(id, NOTHING)
            if code == NOTHING:
                continue
            items[code] = item
            columns.shown[code] = item is not None and item.shown
            facts = item or _DEFAULTS
            columns.price[code] = math.nan if facts.price is None else facts.price
            columns.added[code] = facts.added
            columns.category[code] = _coded(categories, facts.category)
            columns.brand[code] = _coded(brands, facts.brand)
            pages[code] = pages_of(facts)
        owners, paged = self._with_pages(pages, items)
        return Catalogue(
            items=items,
            codes=codes,
            columns=columns,
            categories=tuple(categories),
            brands=tuple(brands),
            revision=revision,
            snapshot=snapshot,
            _pages=paged,
            _owners=owners,
        )

    def _with_pages(
        self, pages: Mapping[int, Paths], items: Sequence[Item | None]
    ) -> tuple[Mapping[str, int], Sequence[Paths]]:
        """Return who owns each path, and each code's paths, after some codes' paths changed."""
        new = len(items) - len(self._pages)
        moved = {
            code: page
            for code, page in pages.items()
            if page != (self._pages[code] if code < len(self._pages) else ())
        }
        if not moved and not new:
            return self._owners, self._pages
        before: list[Paths] = [*self._pages, *([()] * new)]
        owners = dict(self._owners)
        left = {path for code in moved for path in before[code] if owners.get(path) == code}
        for code, paths in moved.items():
            before[code] = paths
        for path in left:
            del owners[path]
        # Rare: another item of the same page takes its place.
        others = (
            [code for code, paths in enumerate(before) if not left.isdisjoint(paths)]
            if left
            else []
        )
        for code in (*moved, *others):
            item = items[code]
            if item is None:
                continue
            for path in before[code]:
                owner = items[owners[path]] if path in owners else None
                if owner is None or item.id < owner.id:
                    owners[path] = code
        return owners, before


NO_CATALOGUE: Final = Catalogue()
"""A catalogue without items."""


def _coded(codes: dict[Key, int], key: Key) -> int:
    """Return the code of a name, a new one for a new name; `NOTHING` for an empty one."""
    return codes.setdefault(key, len(codes)) if key else NOTHING


def page_of(url: str) -> str:
    """Return the path that stands for an address's page; empty where it has none of its own.

    A home page is nothing's own page, and a place within a page is not the page.

    >>> page_of("https://shop.example/shoes/wren?size=42"), page_of("/blog/a/")
    ('/shoes/wren', '/blog/a')
    >>> page_of("https://shop.example/"), page_of("/blog/a#idea"), page_of("no address")
    ('', '', '')
    """
    if "#" in url:
        return ""
    if not url.startswith("/") or url.startswith("//"):
        try:
            parts = urlsplit(url)
        except ValueError:
            return ""
        if parts.scheme not in ("http", "https", ""):
            return ""
        url = parts.path if parts.netloc else ""
    path = url.partition("?")[0].rstrip("/")
    return path if path.startswith("/") else ""


def pages_of(item: Item) -> Paths:
    """Return the paths that stand for an item's page, in each of its languages.

    >>> from persx.model.item import ItemTexts
    >>> pages_of(Item(id=ItemId("a"), url="/a", translations={"de": ItemTexts(url="/de/a")}))
    ('/a', '/de/a')
    """
    if not item.translations:
        found = page_of(item.url)
        return (found,) if found else ()
    urls = (item.url, *(each.url for each in item.translations.values()))
    return tuple(dict.fromkeys(path for url in urls if (path := page_of(url))))


def laid(below: Item | None, above: Item | None) -> Item | None:
    """Return an item as one over another: each fact of the upper one counts where it is said.

    >>> shelf = Item(id=ItemId("a"), title="Wren", price=90.0)
    >>> found = laid(shelf, Item(id=ItemId("a"), hidden=True))
    >>> found.title, found.price, found.hidden
    ('Wren', 90.0, True)
    """
    if below is None or above is None:
        return above or below
    said = {
        name: value
        for name in _FACTS
        if (value := getattr(above, name)) != getattr(_DEFAULTS, name)
    }
    if "translations" in said:
        said["translations"] = {
            **below.translations,
            **{
                locale: msgspec.structs.replace(
                    below.translations.get(locale, texts), **said_of(texts)
                )
                for locale, texts in above.translations.items()
            },
        }
    return msgspec.structs.replace(below, **said)
