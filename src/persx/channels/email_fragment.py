"""A list of recommended items as a piece of an e-mail: tables, inline styles, absolute addresses.

Mail programs drop style sheets, scripts and SVG, and know no layout but tables; so there is nothing
else in it. Whoever sends the e-mail puts the piece between their own head and foot.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import msgspec
from jinja2 import Environment, StrictUndefined, Template

from persx.content.money import money

WIDTH: Final = 600
"""Pixels: what mail programs show without scrolling."""

_TONES: Final = ("#d9efe2", "#ffd9c7", "#d3e4f7", "#fbe7a8", "#e6dcf6")
"""Behind the letter that stands for a missing picture; the same category has the same one."""


class EmailItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item of the list.

    Attributes:
        link: Where it leads: a path of the site, or an address; empty for nowhere.
        image: Address of its picture; a letter stands there where it has none.
    """

    title: str
    link: str = ""
    image: str = ""
    category: str = ""
    price: float | None = None
    was: float = 0.0
    why: str = ""


class EmailList(msgspec.Struct, frozen=True, kw_only=True):
    """The list.

    Attributes:
        base: Address of the site, which paths are completed with.
    """

    headline: str
    items: tuple[EmailItem, ...]
    base: str
    intro: str = ""
    currency: str = "EUR"
    locale: str = "en"


def email_fragment(shown: EmailList) -> str:
    """Return the HTML; empty where there is nothing to show.

    >>> email_fragment(EmailList(headline="For you", items=(), base="https://shop.example"))
    ''
    """
    if not shown.items:
        return ""
    base = shown.base.rstrip("/") + "/"
    rows = [
        {
            "item": item,
            "link": urljoin(base, item.link) if item.link else "",
            "image": urljoin(base, item.image) if item.image else "",
            "letter": item.title[:1].upper(),
            "tone": _TONES[sum(item.category.encode(errors="replace")) % len(_TONES)],
        }
        for item in shown.items
    ]
    return _template().render(shown=shown, rows=rows, width=WIDTH)


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters["money"] = money
    return environment.from_string(Path(__file__).with_suffix(".html").read_text("utf-8"))
