"""Block type offer: something that a visitor can have now, with a code and terms."""

from __future__ import annotations

from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Href, Line, Text


class Offer(Content, frozen=True, kw_only=True):
    """What an offer says.

    Attributes:
        headline: What can be had.
        text: Why it is worth having.
        label: What the button says.
        href: Where it leads.
        code: What to type in somewhere else.
        terms: For whom, how often, until when.
        badge: A word or two, such as ``New`` or ``Until Friday``.
    """

    headline: Line
    text: Text
    label: Line
    href: Href
    code: Line = ""
    terms: Text = ""
    badge: Line = ""


OFFER = BuiltinType("offer", "An offer with a code, terms and a badge.", Offer, __file__)
