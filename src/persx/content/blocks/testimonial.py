"""Block type testimonial: what somebody says who is like the visitor."""

from __future__ import annotations

from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Line, Text


class Testimonial(Content, frozen=True, kw_only=True):
    """A quote and who said it.

    Attributes:
        quote: In their own words, without quotation marks.
        name: Who said it.
        role: Their work.
        company: Where.
        outcome: What came of it, in figures.
        note: What a reader should know about it, such as that it is fictional.
    """

    quote: Text
    name: Line
    role: Line
    company: Line = ""
    outcome: Line = ""
    note: Line = ""


TESTIMONIAL = BuiltinType("testimonial", "A quote and who said it.", Testimonial, __file__)
