"""What makes content safe to put on a page: links that may be followed, HTML that may stay."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any, Final

import nh3

SCHEMES: Final = frozenset({"http", "https", "mailto", "tel"})
"""The URL schemes that a link in content may have; a path has none."""

HTML_ELEMENTS: Final[dict[str, frozenset[str]]] = {
    "h1": frozenset({"id"}),
    "h2": frozenset({"id"}),
    "h3": frozenset({"id"}),
    "h4": frozenset({"id"}),
    "p": frozenset(),
    "br": frozenset(),
    "hr": frozenset(),
    "strong": frozenset(),
    "b": frozenset(),
    "em": frozenset(),
    "i": frozenset(),
    "s": frozenset(),
    "small": frozenset(),
    "sub": frozenset(),
    "sup": frozenset(),
    "mark": frozenset(),
    "abbr": frozenset({"title"}),
    "time": frozenset({"datetime"}),
    "cite": frozenset(),
    "q": frozenset(),
    "blockquote": frozenset(),
    "code": frozenset(),
    "kbd": frozenset(),
    "pre": frozenset(),
    "ul": frozenset(),
    "ol": frozenset({"start"}),
    "li": frozenset(),
    "dl": frozenset(),
    "dt": frozenset(),
    "dd": frozenset(),
    "a": frozenset({"href", "title", "hreflang"}),
    "img": frozenset({"src", "alt", "width", "height", "loading"}),
    "figure": frozenset(),
    "figcaption": frozenset(),
    "table": frozenset(),
    "caption": frozenset(),
    "thead": frozenset(),
    "tbody": frozenset(),
    "tr": frozenset(),
    "th": frozenset({"scope", "colspan", "rowspan"}),
    "td": frozenset({"colspan", "rowspan"}),
}
"""The elements that rich text may use, each with its attributes; `lang` is allowed everywhere."""

_CLEANER: Final = nh3.Cleaner(
    tags=set(HTML_ELEMENTS),
    attributes={**{tag: set(names) for tag, names in HTML_ELEMENTS.items()}, "*": {"lang"}},
    url_schemes=set(SCHEMES),
    clean_content_tags={"script", "style", "iframe", "object", "template", "noscript"},
    link_rel=None,
    strip_comments=True,
)

_SHAPES: Final = frozenset(
    {"d", "cx", "cy", "r", "rx", "ry", "x", "y", "x1", "x2", "y1", "y2", "points", "transform"}
)
_TEMPLATE_ELEMENTS: Final[dict[str, frozenset[str]]] = {
    **HTML_ELEMENTS,
    **dict.fromkeys(
        (
            "div", "span", "section", "article", "aside", "header", "footer", "nav", "address",
            "details", "summary", "fieldset", "legend", "h5", "h6", "u", "var", "samp", "picture",
        ),
        frozenset[str](),
    ),
    **dict.fromkeys(("g", "path", "circle", "ellipse", "rect", "line", "polyline"), _SHAPES),
    "svg": frozenset({"viewBox", "width", "height", "fill", "stroke", "focusable"})
    | {"stroke-width", "stroke-linecap", "stroke-linejoin"},
    "form": frozenset({"action", "method"}),
    "label": frozenset({"for"}),
    "input": frozenset({"type", "name", "value", "placeholder", "required", "autocomplete"})
    | {"checked", "min", "max", "step", "minlength", "maxlength"},
    "textarea": frozenset({"name", "rows", "placeholder", "required", "maxlength"}),
    "select": frozenset({"name", "required"}),
    "option": frozenset({"value", "selected"}),
    "button": frozenset({"type", "name", "value"}),
    "progress": frozenset({"value", "max"}),
    "meter": frozenset({"value", "min", "max", "low", "high", "optimum"}),
}  # fmt: skip

_TEMPLATE_CLEANER: Final = nh3.Cleaner(
    tags=set(_TEMPLATE_ELEMENTS),
    attributes={
        **{tag: set(names) for tag, names in _TEMPLATE_ELEMENTS.items()},
        "*": {"lang", "dir", "class", "id", "role", "title", "hidden"},
    },
    generic_attribute_prefixes={"data-", "aria-"},
    url_schemes=set(SCHEMES),
    clean_content_tags={"script", "style", "iframe", "object", "template", "noscript"},
    link_rel=None,
)

_SCHEME: Final = re.compile(r"\s*([a-z][a-z0-9+.\-]*)\s*:", re.IGNORECASE)
_INVISIBLE: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060\ufeff]")


def href_problem(href: str) -> str | None:
    """Return why this address may not be linked to, or None.

    Browsers drop tabs and line breaks inside a scheme and read ``\\`` as ``/``, so an address
    with any of them is refused rather than guessed at.

    >>> href_problem("/contact#form") is None
    True
    >>> href_problem("javascript:alert(1)")
    "links with 'javascript:' are not allowed"
    """
    if _INVISIBLE.search(href):
        return "an address has no blanks or control characters"
    if "\\" in href:
        return "an address has no backslashes"
    if href.startswith("//"):
        return "an address on another host begins with https://"
    scheme = _SCHEME.match(href)
    if scheme and scheme[1].lower() not in SCHEMES:
        return f"links with '{scheme[1].lower()}:' are not allowed"
    return None


def safe_href(href: object) -> str:
    """Return the address, or ``#`` where it may not be linked to."""
    text = str(href)
    return "#" if href_problem(text) else text


def sanitise(html: str) -> str:
    """Return the HTML with everything removed that rich text may not hold."""
    return _CLEANER.clean(html)


def sanitise_template(html: str) -> str:
    """Return what a declared template gave, without script, style, frames and handlers.

    Autoescaping cannot save a template that puts a text where it does not belong, such as an
    unquoted attribute; this can.
    """
    return _TEMPLATE_CLEANER.clean(html)


def dropped_html(html: str) -> list[str]:
    """Name what `sanitise` removes or rewrites; empty when the HTML is kept as it is meant.

    Differences in spelling only, such as ``&quot;`` for ``"``, are none.

    >>> dropped_html("<p onclick='x()'>Hi<script>alert(1)</script></p>")
    ["attribute 'onclick' of <p>", 'element <script>']
    """
    clean = sanitise(html)
    if clean == html:
        return []
    before, after = _Outline.of(html), _Outline.of(clean)
    lost = sorted(before.parts - after.parts)
    if lost:
        return lost
    if before.ends != after.ends or before.text != after.text:
        return ["tags that are not closed, nested or escaped as HTML asks"]
    return []


class _Outline(HTMLParser):
    """The elements, attributes and text of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self._texts: list[str] = []

    @classmethod
    def of(cls, html: str) -> _Outline:
        outline = cls()
        outline.feed(html)
        outline.close()
        return outline

    @property
    def text(self) -> str:
        return " ".join("".join(self._texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts[f"element <{tag}>"] += 1
        if tag not in HTML_ELEMENTS:
            return
        for name, value in attrs:
            self.parts[_attribute(tag, name, value)] += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.ends[tag] += 1

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.parts["a comment"] += 1

    def handle_decl(self, decl: str) -> None:
        self.parts["a declaration"] += 1

    def unknown_decl(self, data: str) -> None:
        self.parts["a declaration"] += 1


def _attribute(tag: str, name: str, value: Any) -> str:
    if name in {"href", "src"} and value and href_problem(value):
        return f"address {value[:60]!r} of <{tag}>"
    return f"attribute '{name}' of <{tag}>"
