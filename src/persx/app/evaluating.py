"""Reading evaluation files: text, or text packed by gzip, with one clear error for each fault."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from persx.model.errors import BadInput, NotFound
from persx.model.item import Item, ItemId
from persx.recommend.evaluation.formats import Format, Lines
from persx.recommend.evaluation.trial import Trial

_GZIP: Final = b"\x1f\x8b"


def read_trial(
    form: Format, train: Path, test: Path | None = None, *, validation: bool = False
) -> Trial:
    """Return the trial that evaluation files describe.

    Args:
        form: What stands in the files.
        train: What is learned from.
        test: What is asked; may be left out where the format needs none.
        validation: Judge by a part of the training file, so that options are not chosen by what
            they are judged by in the end.

    Raises:
        NotFound: There is no such file.
        BadInput: A file cannot be read as what it should be.
    """
    for path in (train, test):
        if path is not None and not path.is_file():
            raise NotFound(f"There is no file {path}.", value=str(path))
    return form.read(
        Lines(str(train), lines_of(train)),
        None if test is None else Lines(str(test), lines_of(test)),
        validation,
    )


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a text file, unpacking it where it was packed by gzip.

    Raises:
        BadInput: It is no text in UTF-8, or its packing is damaged.
    """
    with path.open("rb") as begun:
        packed = begun.read(2) == _GZIP
    number = 0
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if packed
            else path.open(encoding="utf-8") as lines
        ):
            for number, line in enumerate(lines, 1):  # noqa: B007
                yield line
    except UnicodeDecodeError:
        raise BadInput(
            f"{path}: line {number + 1} or one soon after it is no text in UTF-8.",
            value=str(path),
        ) from None
    except (EOFError, gzip.BadGzipFile, OSError) as error:
        if not packed:
            raise
        raise BadInput(
            f"{path} is damaged behind line {number}: {error}.", value=str(path)
        ) from None


def segments_of(path: Path) -> dict[str, str]:
    """Return user → segment from a file of ``user segment`` lines.

    Raises:
        NotFound: There is no such file.
        BadInput: A line has no segment.
    """
    if not path.is_file():
        raise NotFound(f"There is no file {path}.", value=str(path))
    found = {}
    for number, line in enumerate(lines_of(path), 1):
        if not line.strip():
            continue
        user, _, segment = line.strip().partition("\t" if "\t" in line else " ")
        if not segment.strip():
            raise BadInput(
                f"{path}:{number}: no segment.", value=line.strip(), hint="A line is: user segment"
            )
        found[user] = segment.strip()
    return found


def tagged(path: Path) -> dict[str, Item]:
    """Return item → what is known of it, from a JSON object of items and their tags.

    Raises:
        NotFound: There is no such file.
        BadInput: It is not of that form.
    """
    if not path.is_file():
        raise NotFound(f"There is no file {path}.", value=str(path))
    text = "".join(lines_of(path))
    try:
        tags = msgspec.json.decode(text, type=dict[str, list[str | int]])
    except msgspec.DecodeError as error:
        raise BadInput(
            f"{path} does not say which tags items have: {error}.",
            value=str(path),
            hint='It is a JSON object: {"item": ["tag", "tag"]}',
        ) from None
    return {
        key: Item(id=ItemId(key), tags=tuple(str(tag) for tag in each))
        for key, each in tags.items()
    }
