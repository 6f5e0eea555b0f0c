"""Block type rich_text: running text as HTML, without anything that could run."""

from __future__ import annotations

from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Html


class RichText(Content, frozen=True, kw_only=True):
    """Running text.

    Attributes:
        html: What is not in `content.safety.HTML_ELEMENTS` is dropped when it is shown.
    """

    html: Html


RICH_TEXT = BuiltinType("rich_text", "Running text as sanitised HTML.", RichText, __file__)
