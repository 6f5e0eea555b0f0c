"""Vectors of items' contents: words, category, brand and tags, hashed and weighted.

A vector has four parts, each of length 1 times the root of its weight, so that the product of two
vectors is the weighted mean of the parts' cosines. Words are weighted by tf-idf (Salton and Buckley
1988) with logarithmic counts; features are hashed (Weinberger et al. 2009), so that nothing grows
with the vocabulary and a new item needs no new dimension.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.model.item import Item

if TYPE_CHECKING:
    from scipy import sparse

DIMENSIONS: Final = 1 << 18
"""Features are hashed to so many places."""

WIDTH: Final = 64
"""Words of one item that count, those with the greatest weights."""

LONGEST: Final = 400
"""Words of a title, and of a description, that are looked at."""

_CHARACTERS: Final = 40 * LONGEST
"""What is behind so many characters is not even read: no text of any length takes long."""

_COMMON: Final = (0.1, 0.4, 0.25, 0.25)
"""The share of items from which on a feature tells nothing, by part."""

_ALWAYS: Final = 200
"""What so few items have always tells something."""

_WORD: Final = re.compile(r"[^\W_]+")
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")
"""Scripts that put no spaces between words: pairs of characters stand for words."""


class ContentWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts how much when items are compared.

    Attributes:
        text: Words of title and description.
        title: How many times a word of the title counts.
        category: The path, each step of it.
        brand: The brand.
        tags: The tags.
    """

    text: float = 1.0
    title: float = 3.0
    category: float = 0.6
    brand: float = 0.2
    tags: float = 0.5


class Features(NamedTuple):
    """Features of m items before they are weighted, e in all.

    Attributes:
        items: (e,) int32, places of items, ascending.
        parts: (e,) uint8: 0 words, 1 category, 2 brand, 3 tags; ascending within an item.
        places: (e,) int32, hashed, each once for an item and part.
        counts: (e,) float32.
        size: m.
    """

    items: NDArray[np.int32]
    parts: NDArray[np.uint8]
    places: NDArray[np.int32]
    counts: NDArray[np.float32]
    size: int


def words(text: str) -> Iterator[str]:
    """Yield the words of a text, in small letters; pairs of characters where no space parts them.

    >>> list(words("Laufschuh, größe 42!")), list(words("跑步鞋"))
    (['laufschuh', 'grösse', '42'], ['跑步', '步鞋'])
    """
    for found in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()):
        word = found[0]
        if word.isascii() or not _UNSPACED.search(word):
            yield word
        else:
            yield from (word[at : at + 2] for at in range(len(word) - 1))


def features(
    items: Iterable[Item | None],
    weights: ContentWeights,
    told: Callable[[int], None] = lambda _: None,
) -> Features:
    """Return the features of items; none of those that are not known.

    Args:
        told: Told the number of items that are done, now and then.
    """
    hashed: dict[str, int] = {}
    rows: list[NDArray[Any]] = []
    of, part, place, count = list[int](), list[int](), list[int](), list[float]()
    size = 0
    for number, item in enumerate(items):
        size += 1
        if item is not None:
            for kind, found in enumerate(_counted(item, weights)):
                for feature, times in found.items():
                    key = f"{kind}\0{feature}"
                    at = hashed.get(key)
                    if at is None:
                        at = zlib.crc32(key.encode("utf-8", "replace")) % DIMENSIONS
                        if len(hashed) < 1_000_000:
                            hashed[key] = at
                    of.append(number)
                    part.append(kind)
                    place.append(at)
                    count.append(times)
        if number % 1_000 == 999:
            told(number + 1)
            rows.append(np.array([of, part, place, count], dtype=np.float64))
            of, part, place, count = [], [], [], []
    rows.append(np.array([of, part, place, count], dtype=np.float64).reshape(4, -1))
    table = np.concatenate(rows, axis=1)
    return Features(
        items=table[0].astype(np.int32),
        parts=table[1].astype(np.uint8),
        places=table[2].astype(np.int32),
        counts=table[3].astype(np.float32),
        size=size,
    )


def _counted(item: Item, weights: ContentWeights) -> Sequence[Mapping[str, float]]:
    said: dict[str, float] = {}
    for text, counts in ((item.title, weights.title), (item.text, 1.0)):
        for word in islice(words(text[:_CHARACTERS]), LONGEST):
            said[word] = said.get(word, 0.0) + counts
    path = [" ".join(words(step)) or step for step in item.category]
    # A narrow category says more than a wide one: rareness weighs them.
    steps = {"\0".join(path[: depth + 1]): 1.0 for depth in range(len(path))}
    brand = {item.brand.casefold(): 1.0} if item.brand else {}
    tags = {tag.casefold(): 1.0 for tag in item.tags}
    return said, steps, brand, tags


def having(found: Features) -> NDArray[np.int32]:
    """Return (parts, DIMENSIONS) int32: how many items have each feature; of several m they add."""
    counts = np.zeros((len(_COMMON), DIMENSIONS), dtype=np.int32)
    for part, row in enumerate(counts):
        row += np.bincount(found.places[found.parts == part], minlength=DIMENSIONS).astype(np.int32)
    return counts


def rareness(counts: NDArray[np.int32], size: int) -> NDArray[np.float32]:
    """Return (DIMENSIONS,) float32: how much each feature tells, 0 for what too many have.

    Args:
        counts: As from `having`.
        size: Of how many items.
    """
    rare: NDArray[np.float64]
    rare = np.log((1.0 + size) / (1.0 + counts.sum(axis=0, dtype=np.float64))) + 0.1
    for part, share in enumerate(_COMMON):
        rare[counts[part] > max(_ALWAYS, share * size)] = 0.0
    return rare.clip(min=0.0).astype(np.float32)


def vectors(
    found: Features, rare: NDArray[np.float32], weights: ContentWeights
) -> sparse.csr_matrix:
    """Return (m, DIMENSIONS) float32, the items' vectors."""
    # Deciding loads no scipy; what fits does.
    from scipy import sparse

    share = np.sqrt(
        np.array([weights.text, weights.category, weights.brand, weights.tags], dtype=np.float64)
        / max(weights.text + weights.category + weights.brand + weights.tags, 1e-9)
    )
    values = (1.0 + np.log(np.maximum(found.counts, 1.0))) * rare[found.places]
    values = np.where(found.counts > 0, values, 0.0)
    keep = values > 0
    # The words of an item with the greatest weights; of equal ones, those hashed lower.
    order = np.lexsort((found.places, -values, found.parts, found.items))
    group = found.items[order].astype(np.int64) * 4 + found.parts[order]
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    rank = np.arange(len(group)) - np.repeat(starts, np.diff(starts, append=len(group)))
    keep[order[rank >= WIDTH]] = False
    items, parts, places = found.items[keep], found.parts[keep], found.places[keep]
    values = values[keep]
    of_part = items.astype(np.int64) * 4 + parts
    lengths = np.sqrt(np.bincount(of_part, weights=values**2, minlength=found.size * 4))
    values = values / lengths[of_part] * share[parts]
    made = sparse.csr_matrix(
        (values.astype(np.float32), (items, places)), shape=(found.size, DIMENSIONS)
    )
    made.sum_duplicates()
    return made


def nearest(
    rows: sparse.csr_matrix, columns: sparse.csr_matrix, most: int, least: float
) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.float32]]]:
    """Yield for each of m rows the columns that are most like it, in any order.

    Args:
        rows: (m, DIMENSIONS) vectors.
        columns: (DIMENSIONS, n) vectors of others, transposed.
        most: How many at most.
        least: Similarities below this are none.

    Yields:
        The row, (c,) columns, and (c,) similarities.
    """
    products = rows @ columns
    for row in range(products.shape[0]):
        start, end = products.indptr[row], products.indptr[row + 1]
        found, values = products.indices[start:end], products.data[start:end]
        good = values >= least
        found, values = found[good], values[good]
        if len(values) > most:
            # Of equal ones the lower columns, so that the same data gives the same answer.
            order = (
                np.lexsort((found, -values))
                if len(values) < 4 * most
                else _first(found, values, most)
            )
            found, values = found[order[:most]], values[order[:most]]
        yield row, found.astype(np.int32), values.astype(np.float32)


def _first(found: NDArray[Any], values: NDArray[Any], most: int) -> NDArray[np.intp]:
    """Return the places of the greatest values, in order; cheaper than sorting all of them."""
    bound = np.partition(values, len(values) - most)[len(values) - most]
    near = np.flatnonzero(values >= bound)
    return near[np.lexsort((found[near], -values[near]))]
