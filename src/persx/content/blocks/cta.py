"""Block type cta: one thing to do next."""

from __future__ import annotations

from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Href, Line, Text


class CallToAction(Content, frozen=True, kw_only=True):
    """What a call to action says, and where it leads.

    Attributes:
        headline: The invitation.
        label: What the button says.
        href: Where it leads.
        text: A sentence that takes a doubt away.
    """

    headline: Line
    label: Line
    href: Href
    text: Text = ""


CTA = BuiltinType("cta", "One thing to do next.", CallToAction, __file__)
