"""Block type testimonial: what somebody says who is like the visitor."""

from __future__ import annotations

from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Line, Text


class Testimonial(Content, frozen=True, kw_only=True):
    """A quote and who said it. `note` says what a reader should know about it."""

    quote: Text
    name: Line
    role: Line
    company: Line = ""
    outcome: Line = ""
    note: Line = ""


TESTIMONIAL = BuiltinType("testimonial", "A quote and who said it.", Testimonial, __file__)
