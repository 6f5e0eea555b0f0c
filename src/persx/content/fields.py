"""The kinds of text that block content is made of, with their bounds."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

HREF: Final = "href"
HTML: Final = "html"
ICON: Final = "icon"
"""Values of `format` that persx checks; JSON Schemas of a workspace may use them too."""

Line = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=200)]
"""One line: a heading, a label, a name."""

Text = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=2_000)]
"""A paragraph of plain text."""

Href = Annotated[
    str,
    msgspec.Meta(pattern=r"\S", max_length=2_000, extra_json_schema={"format": HREF}),
]
"""An address to link to: a path, or a URL with http, https, mailto or tel."""

Html = Annotated[
    str,
    msgspec.Meta(pattern=r"\S", max_length=200_000, extra_json_schema={"format": HTML}),
]
"""Rich text; whatever `content.safety.HTML_ELEMENTS` does not list is dropped."""

IconName = Annotated[
    str, msgspec.Meta(pattern=r"\S", max_length=60, extra_json_schema={"format": ICON})
]
"""The name of one of the icons in `content.icons`."""

Tag = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=100)]
"""A value that is compared with a visitor's attributes, in any letter case."""


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the content structs of built-in block types; an unknown field is a fault.

    An optional field that is left out holds its default: an empty text, or an empty tuple.
    """
