"""What every view of a template is made of."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all views; a view names its template."""

    template: ClassVar[str] = ""


class Link(View, frozen=True, kw_only=True):
    """A link: `current` marks the page that is shown, `lang` the language it leads to."""

    label: str
    href: str
    current: bool = False
    lang: str = ""


class CartLink(Link, frozen=True, kw_only=True):
    """The link to the visitor's cart: `pieces` is how many there are in it."""

    pieces: int = 0


class Option(View, frozen=True, kw_only=True):
    """One choice of a select, a radio group or a list of checkboxes."""

    value: str
    label: str
    selected: bool = False
