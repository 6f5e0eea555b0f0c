"""Reproduction: a readout's visitors without ids, and a script that computes it anew from them."""

from __future__ import annotations

from importlib.resources import files


def scripts() -> dict[str, str]:
    """Return the files that go with every export; they need numpy and nothing of ours."""
    return {
        name: files(__package__).joinpath(name).read_text(encoding="utf-8")
        for name in ("reproduce.py", "lifts.py")
    }
