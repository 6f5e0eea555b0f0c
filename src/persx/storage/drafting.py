"""What every store refuses alike: diverged or unreadable drafts, and unknown snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from persx.model.errors import BadInput, Conflict, NotFound
from persx.storage.keeping import storable
from persx.storage.ports import DraftFile


def check_base(
    changed: Sequence[str], removed: Sequence[str], base: Mapping[str, str], kept: Mapping[str, str]
) -> None:
    """Refuse to save drafts that somebody else changed since their editor read them.

    Args:
        changed, removed: Paths to write and to remove.
        base: Path → the digest that the editor started from, "" for a file that was not there.
        kept: Path → the digest that the store has now.

    Raises:
        Conflict: Names every path at which the two differ; they are its `value`.
    """
    paths = sorted({*changed, *removed})
    diverged = [path for path in paths if kept.get(path, "") != base.get(path, "")]
    if diverged:
        raise Conflict(
            f"Changed by someone else in the meantime: {', '.join(diverged)}.",
            value=diverged,
            hint="Pull the current files, bring your change into them, and try again.",
        )


def no_snapshot(number: int) -> NotFound:
    """Return the error for a snapshot number that was never published."""
    return NotFound(f"There is no snapshot {number}.", value=number, hint="List the snapshots.")


def check_storable(changed: Sequence[DraftFile]) -> None:
    """Refuse files whose texts or names not every database keeps.

    Raises:
        BadInput: One holds a NUL or half of a surrogate pair: it is not a text file.
    """
    for file in changed:
        for text in (file.path, file.text, file.author):
            if storable(text) != text:
                raise BadInput(
                    f"{storable(file.path)!r} holds characters that are no text.",
                    value=storable(file.path),
                    hint="Save the file as UTF-8 without NUL characters.",
                )
