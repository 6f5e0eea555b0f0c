"""Drawings of things that are sold, as inline SVG: made for the demo shop, free to use."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from markupsafe import Markup

_FOLDER: Final = Path(__file__).parent
_SHAPES: Final = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)

ART_NAMES: Final = tuple(sorted(file.stem for file in _FOLDER.glob("*.svg")))
"""Every drawing's name, in alphabetical order."""

NEUTRAL: Final = "parcel"
"""The drawing that stands for an unknown or missing name."""


@cache
def art(name: str = "") -> Markup:
    """Return a drawing as decorative inline SVG in the colours of its surroundings."""
    known = name if name in ART_NAMES else NEUTRAL
    found = _SHAPES.search((_FOLDER / f"{known}.svg").read_text("utf-8"))
    shapes = " ".join(found[1].split()) if found else ""
    return Markup(
        '<svg class="art" viewBox="0 0 200 150" aria-hidden="true" focusable="false">'
        f"{shapes}</svg>"
    )
