"""The folder form of a workspace: which file holds which documents, and reading it from disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from persx.model.attribute import Attribute
from persx.model.document import Document
from persx.model.errors import BadInput, Fault, NotFound, did_you_mean
from persx.model.health import Objective
from persx.model.question import QuestionDocument
from persx.model.workspace import (
    Audience,
    Block,
    BlockTypeDocument,
    Currency,
    Experiment,
    Goal,
    Industry,
    Locale,
    Metric,
    Page,
    Persona,
    Pipeline,
    Strategy,
    Target,
)
from persx.workspace.names import (
    ATTRIBUTE,
    CURRENCY,
    EXPERIMENT,
    LOCALE,
    SLUG,
    TITLE,
    VARIANT,
    NameRule,
)
from persx.workspace.source import MAX_CHARACTERS

SETTINGS: Final = "settings"
SETTINGS_FILE: Final = "settings.yaml"
SUFFIX: Final = ".yaml"
MAX_FILES: Final = 5_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document: the workspace field that holds it, and how its files look.

    Attributes:
        key: The document's field that holds its name.
        folder: One file a document in a folder, else one file with a map of all of them.
    """

    field: str
    word: str
    document: type[Document] | type[Attribute]
    names: NameRule
    folder: bool = False
    key: str = "name"

    def file(self, name: str) -> str:
        """Return the file in which a document is expected."""
        return f"{self.field}/{name}{SUFFIX}" if self.folder else self.field + SUFFIX


KINDS: Final = (
    Kind("attributes", "attribute", Attribute, ATTRIBUTE),
    Kind("industries", "industry", Industry, TITLE),
    Kind("locales", "locale", Locale, LOCALE, key="code"),
    Kind("audiences", "audience", Audience, SLUG),
    Kind("personas", "persona", Persona, TITLE),
    Kind("goals", "goal", Goal, SLUG),
    Kind("metrics", "metric", Metric, SLUG),
    Kind("currencies", "currency", Currency, CURRENCY, key="code"),
    Kind("targets", "target", Target, SLUG),
    Kind("questions", "question", QuestionDocument, SLUG),
    Kind("strategies", "strategy", Strategy, VARIANT),
    Kind("objectives", "objective", Objective, SLUG),
    Kind("pipelines", "pipeline", Pipeline, SLUG),
    Kind("block_types", "block type", BlockTypeDocument, SLUG, folder=True),
    Kind("blocks", "block", Block, SLUG, folder=True),
    Kind("pages", "page", Page, SLUG, folder=True),
    Kind("experiments", "experiment", Experiment, EXPERIMENT, folder=True, key="key"),
)
FILES: Final = {kind.field + SUFFIX: kind for kind in KINDS if not kind.folder}
FOLDERS: Final = {kind.field: kind for kind in KINDS if kind.folder}

_EXPECTED: Final = (SETTINGS_FILE, *FILES, *(f"{folder}/" for folder in FOLDERS))
_LOOKALIKES: Final = (".yml", ".json", ".toml")


def is_workspace_file(path: str) -> bool:
    """Tell whether a path, relative to the workspace's folder, is one that is read."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
        return False
    if len(parts) == 1:
        return path == SETTINGS_FILE or path in FILES
    return parts[0] in FOLDERS and path.endswith(SUFFIX) and len(path) <= 255


def unknown_file(path: str) -> Fault | None:
    """Return what to say about a file that is not read; none where that needs no word.

    A file whose contents somebody surely expects to be read is an error.
    """
    pure = PurePosixPath(path)
    top = pure.parts[0] if pure.parts else ""
    if len(pure.parts) > 1 and top not in FOLDERS:
        return Fault(
            file=top + "/",
            message="Nothing is read from this folder.",
            hint=did_you_mean(top + "/", _EXPECTED),
            severity="warning",
        )
    known = top in FOLDERS or pure.stem in {SETTINGS, *(kind.field for kind in KINDS)}
    if pure.suffix in _LOOKALIKES and known:
        return Fault(
            file=path,
            message=f"Files of a workspace end in {SUFFIX}; this one is not read.",
            hint=f"Write it as {pure.with_suffix(SUFFIX)}.",
        )
    if pure.suffix in (SUFFIX, ".yml") or len(pure.parts) > 1:
        return Fault(
            file=path,
            message="This file is not read.",
            hint=did_you_mean(path, _EXPECTED),
            severity="warning",
        )
    return None


def read_folder(folder: Path, faults: list[Fault] | None = None) -> dict[str, str]:
    """Return the texts of the workspace's files, by path relative to its folder.

    Bytes that are not UTF-8 stay visible as lone surrogates, so that the fault names the file
    like every other fault. Hidden files are left out; links that lead out of the folder are not
    followed. Of a folder that is not part of a workspace, one file is listed, without its text.

    Args:
        faults: Takes what is wrong with single files, which then raises nothing.

    Raises:
        NotFound: There is no such folder.
        BadInput: A file cannot be read, or there are too many.
    """
    if not folder.is_dir():
        raise NotFound(
            f"There is no folder '{folder}'.",
            value=str(folder),
            hint="Make a workspace with: persx new FOLDER",
        )
    root = folder.resolve()
    files: dict[str, str] = {}
    for path in _files(root):
        name = path.relative_to(root).as_posix()
        if not is_workspace_file(name):
            if unknown_file(name) is not None:
                files[name] = ""
            continue
        try:
            files[name] = _text(path, name, root)
        except BadInput as error:
            if faults is None:
                raise
            faults.append(Fault(file=name, message=error.message, hint=error.hint))
        if len(files) > MAX_FILES:
            raise BadInput(
                f"'{folder}' holds more than {MAX_FILES:,} files.",
                hint="Is it the workspace's folder?",
            )
    return files


def _files(root: Path) -> Iterator[Path]:
    try:
        top = sorted(entry for entry in root.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise BadInput(f"'{root}' cannot be read: {error.strerror}.") from error
    for entry in top:
        if entry.is_dir():
            found = _below(entry)
            if entry.name in FOLDERS:
                yield from found
            else:
                yield from [path for path in found if path.suffix in (SUFFIX, ".yml")][:1]
        elif entry.is_file():
            yield entry


def _below(folder: Path) -> Iterator[Path]:
    seen = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        seen += 1
        for name in sorted(names):
            if name.startswith("."):
                continue
            seen += 1
            if seen > 2 * MAX_FILES:
                return
            yield Path(place) / name


def _text(path: Path, name: str, root: Path) -> str:
    if not path.resolve().is_relative_to(root):
        raise BadInput(
            f"'{name}' is a link that leads out of the workspace.",
            value=name,
            hint="Copy the file here.",
        )
    if not path.is_file() and path.exists():
        raise BadInput(f"'{name}' is not a file that holds text.", value=name, hint="Remove it.")
    try:
        # One byte more than is allowed is enough to say that it is too large.
        with path.open("rb") as file:
            data = file.read(4 * MAX_CHARACTERS + 1)
    except OSError as error:
        raise BadInput(f"'{name}' cannot be read: {error.strerror}.", value=name) from error
    return data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
