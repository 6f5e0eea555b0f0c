"""Block type hero: the opening of a page, with one or two calls to action and a few proofs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Href, Line, Text
from persx.content.schema import join
from persx.model.errors import Fault


class Proof(Content, frozen=True, kw_only=True):
    """A figure and what it counts, such as ``+18%`` and ``repeat purchases``.

    Attributes:
        value: The figure, with its sign and unit.
        label: What it counts, and since when or against what.
    """

    value: Line
    label: Line


class Hero(Content, frozen=True, kw_only=True):
    """What a hero says. A second call to action has a label and an address, or neither.

    Attributes:
        headline: The promise, in the visitor's own terms.
        text: Two or three sentences that make it believable.
        primary_label: What the first button says.
        primary_href: Where it leads.
        eyebrow: A few words above the headline, such as who it is for.
        secondary_label: What the quieter button says.
        secondary_href: Where it leads.
        proof: Figures below.
    """

    headline: Line
    text: Text
    primary_label: Line
    primary_href: Href
    eyebrow: Line = ""
    secondary_label: Line = ""
    secondary_href: Href = ""
    proof: Annotated[tuple[Proof, ...], msgspec.Meta(max_length=4)] = ()


class _HeroType(BuiltinType):
    def problems(self, content: Mapping[str, Any], path: str) -> Iterator[Fault]:
        pair = ("secondary_label", "secondary_href")
        for here, other in (pair, pair[::-1]):
            if here in content and other not in content:
                yield Fault(
                    path=join(path, other),
                    message=f"The field '{other}' is missing: there is a '{here}'.",
                    hint="Write both, or neither.",
                )


HERO = _HeroType("hero", "The opening of a page, with calls to action and proof.", Hero, __file__)
