"""History: which documents differ between two workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from persx.model.workspace import Workspace
from persx.workspace.layout import KINDS, SETTINGS


class Change(StrEnum):
    """What became of a document."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class DocumentChange(msgspec.Struct, frozen=True, kw_only=True):
    """A document that differs; `kind` is the workspace's field, such as ``blocks``."""

    kind: str
    name: str
    change: Change

    def __str__(self) -> str:
        return f"{self.change.value} {self.kind}/{self.name}" if self.name else "changed settings"


def changes(old: Workspace | None, new: Workspace) -> tuple[DocumentChange, ...]:
    """Return which documents of `new` differ from `old`, by kind and name.

    >>> changes(None, Workspace())
    ()
    """
    before = old or Workspace()
    found = []
    if before.settings != new.settings:
        found.append(DocumentChange(kind=SETTINGS, name="", change=Change.CHANGED))
    for kind in KINDS:
        left: Mapping[str, Any] = getattr(before, kind.field)
        right: Mapping[str, Any] = getattr(new, kind.field)
        for name in sorted(left.keys() | right.keys()):
            if name not in left:
                change = Change.ADDED
            elif name not in right:
                change = Change.REMOVED
            elif left[name] != right[name]:
                change = Change.CHANGED
            else:
                continue
            found.append(DocumentChange(kind=kind.field, name=name, change=change))
    return tuple(found)
