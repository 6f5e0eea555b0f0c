"""Making a new workspace folder from the files that come with persx."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from persx.model.errors import Conflict
from persx.workspace.layout import SUFFIX

WORKFLOW: Final = ".github/workflows/persx.yml"


def scaffold() -> dict[str, str]:
    """Return the files of a small, valid workspace: texts by path."""
    return dict(_texts(files("persx.workspace") / "scaffold", ""))


def workflow() -> str:
    """Return a GitHub Actions workflow that checks a workspace."""
    return (files("persx.workspace") / "ci" / "github-workflow.yml").read_text(encoding="utf-8")


def create(folder: Path, *, ci: bool = False, template: Path | None = None) -> tuple[str, ...]:
    """Make a workspace folder; return the paths written. Nothing is ever overwritten.

    Args:
        ci: Add a workflow that checks the workspace on every push.
        template: A workspace's folder to copy, not the small one.

    Raises:
        Conflict: The folder has files already.
    """
    if folder.exists() and (not folder.is_dir() or any(_visible(folder))):
        raise Conflict(
            f"'{folder}' is not empty.", value=str(folder), hint="Name a folder that is new."
        )
    texts = scaffold() if template is None else dict(_texts(template, ""))
    if ci:
        texts[WORKFLOW] = workflow()
    for path, text in texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    return tuple(sorted(texts))


def _visible(folder: Path) -> Iterator[Path]:
    """Yield what is in a folder, but for such as .git, which may be there before."""
    return (entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _texts(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            yield from _texts(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            yield prefix + entry.name, entry.read_text(encoding="utf-8")
