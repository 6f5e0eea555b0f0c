"""A working copy: a workspace's folder on disk, and which revision of each file it started from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from persx.model.errors import BadInput, Conflict
from persx.workspace.ancestry import ancestors
from persx.workspace.layout import is_workspace_file, read_folder
from persx.workspace.snapshot import digest

BASE_FILE: Final = ".persx/base.json"
BESIDE: Final = ".theirs"
"""What the name of a store's version has at its end when it is laid beside a changed file."""


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What a pull did: paths by what became of them.

    Attributes:
        kept: Changed here and not in the store: as they were.
        beside: Changed in both: the store's version lies beside.
    """

    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


class WorkingCopy:
    """A folder's files, and their base: path → SHA-256 of the revision last shared with a home.

    Args:
        folder: Where the files are.
        home: Id of the home that they are compared with; the folder keeps a base for each.
    """

    def __init__(self, folder: Path, home: str = "") -> None:
        self.folder = folder
        self.home = home

    def files(self) -> dict[str, str]:
        """Return the texts of the workspace's files by path.

        Raises:
            NotFound: There is no such folder.
            BadInput: A file is not UTF-8 text.
        """
        found = {}
        for path, text in read_folder(self.folder).items():
            if not is_workspace_file(path):
                continue
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise BadInput(
                    f"'{path}' is not UTF-8 text.", value=path, hint="Save it as UTF-8."
                ) from error
            found[path] = text
        return found

    def base(self, theirs: Mapping[str, str]) -> dict[str, str]:
        """Return path → digest of the revision that each file started from.

        Of a folder that has shared nothing with this home yet, such as a fresh clone, these are
        the home's files that its Git history holds: the folder has gone on from them.

        Args:
            theirs: The home's files by path.

        Raises:
            BadInput: The record cannot be read.
        """
        bases = self._bases()
        if self.home in bases:
            return bases[self.home]
        return {path: digest(theirs[path].encode()) for path in ancestors(self.folder, theirs)}

    def save_base(self, base: Mapping[str, str]) -> None:
        """Keep the record of what each file started from; it is this folder's own, not Git's."""
        bases = self._bases() | {self.home: dict(base)}
        _write(self.folder / BASE_FILE, msgspec.json.encode(bases, order="sorted") + b"\n")
        _write(self.folder / BASE_FILE.replace("base.json", ".gitignore"), b"*\n")

    def _bases(self) -> dict[str, dict[str, str]]:
        """Return home's id → base."""
        path = self.folder / BASE_FILE
        try:
            bases: dict[str, dict[str, str]] = msgspec.json.decode(
                path.read_bytes(), type=dict[str, dict[str, str]]
            )
            return bases
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            raise BadInput(
                f"{path} cannot be read: {error}.",
                value=str(path),
                hint="Remove it; the next push or pull makes a new one.",
            ) from error

    def update(self, theirs: Mapping[str, str], *, beside: bool = False) -> Update:
        """Bring the folder to what the store has; nothing that was changed here is lost.

        A file that was changed here only stays as it is. All or nothing: nothing is written
        where a file was changed on both sides, unless its store's version shall lie beside it.

        Args:
            theirs: The store's files by path.
            beside: Write the store's version of files changed on both sides as
                ``PATH.theirs``, and count them as merged from now on.

        Raises:
            Conflict: Files were changed on both sides; the message names all of them. Or the
                store has no file at all: it is hardly the one that the folder came from.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        mine, base = self.files(), self.base(theirs)
        wanted = {path: text for path, text in theirs.items() if is_workspace_file(path)}
        if mine and not wanted:
            raise Conflict(
                f"There is no workspace to pull, and '{self.folder}' has one.",
                value=str(self.folder),
                hint="Push it instead.",
            )
        written: list[str] = []
        removed: list[str] = []
        kept: list[str] = []
        both: list[str] = []
        for path in sorted({*mine, *wanted, *base}):
            here, there = _digest(mine.get(path)), _digest(wanted.get(path))
            start = base.get(path, "")
            if here == there:
                continue
            if here == start:
                (written if there else removed).append(path)
            else:
                (kept if there == start else both).append(path)
        if both and not beside:
            raise Conflict(
                f"Changed here and in the home: {', '.join(both)}.",
                value=both,
                hint="Pull with --beside to get the home's versions next to yours, merge, push.",
            )
        self._apply(wanted, written, removed, both)
        self.save_base({path: digest(text.encode()) for path, text in wanted.items()})
        return Update(
            written=tuple(written), removed=tuple(removed), kept=tuple(kept), beside=tuple(both)
        )

    def _apply(
        self, wanted: Mapping[str, str], written: list[str], removed: list[str], both: list[str]
    ) -> None:
        root = self.folder.resolve()
        for path in (*written, *both):
            name = path + BESIDE if path in both else path
            target = self.folder / name
            # A link in the folder must not lead a pull to write somewhere else.
            if not target.resolve().is_relative_to(root):
                raise BadInput(f"'{path}' leads out of the folder.", value=path)
            if path in wanted:
                _write(target, wanted[path].encode())
        for path in removed:
            (self.folder / path).unlink(missing_ok=True)


def _digest(text: str | None) -> str:
    return "" if text is None else digest(text.encode())


def _write(path: Path, data: bytes) -> None:
    """Write a file whole: a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)
