"""The reference of data protection: what is kept, for which purpose, under which id, how long."""

from __future__ import annotations

from collections.abc import Sequence

from persx.app.kept import KEPT
from persx.model.attribute import Purpose
from persx.visitors.consent import ASKED
from persx.web.visitors import COOKIES
from scripts.reference.structs import markdown_table

_MEANING = {
    Purpose.NECESSARY: "Always granted: what the visitor asked for, and what the law asks of us.",
    Purpose.PERSONALIZATION: "The pages remember the visitor and show what fits.",
    Purpose.ANALYTICS: "The visitor counts in statistics and experiments.",
    Purpose.MARKETING: "Facts may be used for offers. `Sec-GPC: 1` denies it unless the visitor "
    "said otherwise here. It allows no storage by itself.",
}


_COLUMNS = ("what", "under which id", "how long", "when consent is withdrawn")


def kept() -> str:
    """Return the page on what is kept for each purpose."""
    parts = [
        "How visitors are asked, and what their answers do, is in "
        "[the guide](../guides/data-protection.md). What stands under two purposes needs one of "
        "them.\n"
    ]
    for purpose in (Purpose.NECESSARY, *ASKED):
        rows = [
            (
                f"Cookie `{cookie.name}`: {cookie.purpose}",
                "this browser",
                cookie.lifetime,
                "stays" if purpose is Purpose.NECESSARY else "is taken away with the answer",
            )
            for cookie in COOKIES
            if purpose in cookie.needs
        ]
        rows += [
            (each.what, each.under, each.until, each.withdrawn)
            for each in KEPT
            if purpose in each.needs
        ]
        parts.append(f"## `{purpose.value}`\n\n{_MEANING[purpose]}\n")
        parts.append(markdown_table(_COLUMNS, rows))
    return "\n".join(parts)


def needed(needs: Sequence[Purpose]) -> str:
    """Return in words which purposes something needs.

    >>> needed((Purpose.PERSONALIZATION, Purpose.ANALYTICS))
    'personalization or analytics'
    """
    return " or ".join(purpose.value for purpose in needs)
