"""Every pair of colours that text uses has WCAG AA contrast, in the light and in the dark."""

from __future__ import annotations

import re

import pytest

from persx.web.site.views import STATIC

SHEET = (STATIC / "site.css").read_text("utf-8")
LIGHT = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", SHEET.split("@media", 1)[0]))
DARK = LIGHT | dict(
    re.findall(
        r"--([\w-]+): (#[0-9a-f]{6});",
        SHEET.split("prefers-color-scheme: dark", 1)[1].split("\n}", 1)[0],
    )
)
SURFACES = ("paper", "raised", "sunken", "accent-soft")
TEXTS = [(text, surface) for text in ("ink", "soft", "link") for surface in SURFACES] + [
    ("on-brand", "brand"),
    ("on-brand", "brand-hover"),
    ("on-accent", "accent"),
    ("on-panel", "panel"),
    ("on-panel-soft", "panel"),
    ("danger", "paper"),
    ("danger", "danger-soft"),
]
EDGES = [
    ("line-strong", "paper"),
    ("line-strong", "raised"),
    ("brand", "raised"),
    ("link", "paper"),
    ("accent", "panel"),
]


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_formula() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "surface"), TEXTS)
def test_texts_can_be_read(theme: dict[str, str], text: str, surface: str) -> None:
    assert contrast(theme[text], theme[surface]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("edge", "surface"), EDGES)
def test_edges_of_controls_can_be_seen(theme: dict[str, str], edge: str, surface: str) -> None:
    assert contrast(theme[edge], theme[surface]) >= 3
