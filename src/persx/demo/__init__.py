"""Demo workspaces as package data: folders of YAML documents, ready to be read and published."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from persx.model.errors import NotFound, did_you_mean

DEMOS: Final = ("persx_ai", "shop")
"""The names of the demo workspaces; the first one is meant where none is named."""


def demo_folder(name: str = DEMOS[0]) -> Path:
    """Return the folder of a demo workspace, in the form that `persx check` reads.

    Raises:
        NotFound: There is no demo of that name.

    >>> (demo_folder() / "settings.yaml").exists()
    True
    """
    if name not in DEMOS:
        raise NotFound(f"There is no demo '{name}'.", value=name, hint=did_you_mean(name, DEMOS))
    return Path(__file__).parent / name
