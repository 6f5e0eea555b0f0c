"""The share of pages that were shown to people of whom nothing may be kept: counters, no ids."""

from __future__ import annotations

import msgspec

from persx.app.services import Pages


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the pages that were shown remembered nobody.

    Attributes:
        share: In words, such as ``12%``; a dash where no page was shown.
        percent: The same as a number for a bar, 0 to 100.
    """

    pages: int = 0
    withheld: int = 0
    share: str = "–"
    percent: int = 0


def share_of(pages: Pages) -> Share:
    """Return the share of pages without storage, since the server was started.

    >>> share_of(Pages(granted=999, withheld=1)).share
    '<1%'
    """
    shown = pages.granted + pages.withheld
    if not shown:
        return Share()
    share = pages.withheld / shown
    rounded = f"{share:.0%}"
    if pages.withheld and share < 0.01:
        rounded = "<1%"
    elif pages.granted and share > 0.99:
        rounded = ">99%"
    return Share(pages=shown, withheld=pages.withheld, share=rounded, percent=round(100 * share))
