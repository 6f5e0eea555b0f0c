"""The icons that content may name, as inline SVG. Drawings: Lucide (icons/VENDORED.md)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from markupsafe import Markup

_FOLDER: Final = Path(__file__).with_name("icons")
_SHAPES: Final = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)

ICON_NAMES: Final = tuple(sorted(file.stem for file in _FOLDER.glob("*.svg")))
"""Every icon's name, in alphabetical order."""

NEUTRAL: Final = "sparkle"
"""The icon that stands for an unknown or missing name."""


@cache
def _shapes(name: str) -> str:
    found = _SHAPES.search((_FOLDER / f"{name}.svg").read_text("utf-8"))
    return " ".join(found[1].split()) if found else ""


def icon(name: str = "") -> Markup:
    """Return an icon as decorative inline SVG in the colour of its text."""
    known = name if name in ICON_NAMES else NEUTRAL
    return Markup(
        f'<svg class="icon" viewBox="0 0 24 24" width="24" height="24" fill="none"'
        f' stroke="currentColor" stroke-width="1.75" stroke-linecap="round"'
        f' stroke-linejoin="round" aria-hidden="true" focusable="false">{_shapes(known)}</svg>'
    )
