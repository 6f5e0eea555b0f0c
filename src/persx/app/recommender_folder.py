"""The folder of the home that holds what trained pipelines are made of, and what goes from it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from persx.model.artifact import ArtifactHead
from persx.model.clock import DAY, Millis

NAME: Final = "recommenders"

KEPT: Final = 5
"""Of each pipeline, the newest so many artifacts keep their files."""

_PATIENCE: Final = 2 * DAY
"""What nobody stands for is left alone so long: it may be about to be finished, or gone on with."""

_FINISHED: Final = re.compile(r"[0-9a-f]{32}").fullmatch


class RecommenderFolder:
    """``HOME/recommenders``, or a folder that ends with the process where all is in memory."""

    def __init__(self, home: Path | None) -> None:
        self._path = home / NAME if home is not None else None
        self._removing: weakref.finalize[..., RecommenderFolder] | None = None

    @property
    def path(self) -> Path:
        """The folder; it may not be there yet."""
        if self._path is None:
            self._path = Path(tempfile.mkdtemp(prefix="persx-recommenders-"))
            self._removing = weakref.finalize(self, shutil.rmtree, self._path, ignore_errors=True)
        return self._path

    def close(self) -> None:
        """Remove what was only for this process."""
        if self._removing is not None:
            self._removing()

    def clean(self, heads: Sequence[ArtifactHead], used: Collection[str], now: Millis) -> int:
        """Remove files that nobody needs any more; return how many artifacts they were of.

        Kept are those of each pipeline's newest artifacts and of its active one, what is mapped,
        and for two days what belongs to no artifact, for somebody may be making one of it.

        Args:
            heads: Of all artifacts of pipelines, newest first.
            used: Digests of artifacts that somebody has mapped into memory.
        """
        kept = {name_of(digest) for digest in used}
        known = {name_of(head.digest) for head in heads}
        seen: dict[str, int] = {}
        for head in heads:
            seen[head.name] = seen.get(head.name, 0) + 1
            if head.active or seen[head.name] <= KEPT:
                kept.add(name_of(head.digest))
        removed = 0
        for folder in self._folders():
            if folder.name in kept:
                continue
            if folder.name not in known and now - _changed(folder) < _PATIENCE:
                continue
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
        return removed

    def has(self, digest: str) -> bool:
        """Tell whether the files of an artifact are there, by the digest of its body."""
        return (self.path / name_of(digest)).is_dir()

    def link_into(self, target: Path) -> None:
        """Put all finished files into a folder on the same disk; they never change."""
        for folder in self._folders():
            if not _FINISHED(folder.name):
                continue
            beside = target / NAME / folder.name
            beside.mkdir(parents=True)
            for file in sorted(folder.iterdir()):
                try:
                    os.link(file, beside / file.name)
                except OSError:
                    shutil.copyfile(file, beside / file.name)

    def _folders(self) -> list[Path]:
        try:
            return sorted(each for each in self.path.iterdir() if each.is_dir())
        except FileNotFoundError:
            return []


def name_of(digest: str) -> str:
    """Return what the folder of an artifact is called, by the digest of its body."""
    return digest[:32]


def _changed(folder: Path) -> Millis:
    try:
        return int(folder.stat().st_mtime * 1000)
    except FileNotFoundError:
        return 0
