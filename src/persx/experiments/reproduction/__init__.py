"""Reproduction: a readout's visitors without ids, and a script that computes it anew from them."""

from __future__ import annotations

from importlib.resources import files


def script() -> str:
    """Return the script that goes with every export; it needs numpy and nothing of ours."""
    return files(__package__).joinpath("reproduce.py").read_text(encoding="utf-8")
