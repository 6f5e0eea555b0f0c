"""The subject of a check: a workspace, and which of its documents could not be read whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from persx.model.errors import Fault, did_you_mean
from persx.model.workspace import Workspace
from persx.workspace.conversion import shown
from persx.workspace.documents import EVERYTHING
from persx.workspace.layout import KINDS, SETTINGS, SETTINGS_FILE

_KINDS: Final = {kind.field: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Subject:
    """A workspace as far as it could be read.

    Attributes:
        damaged: Kind → names of documents that are missing or incomplete; nothing is said
            about what depends on them, because it may be right once they are.
        without_purpose: Names of attributes whose files state no purpose.
    """

    workspace: Workspace
    damaged: Mapping[str, Collection[str]] = field(default_factory=dict)
    without_purpose: Collection[str] = ()

    def is_damaged(self, kind: str, name: str) -> bool:
        """Tell whether a document could not be read whole."""
        names = self.damaged.get(kind, ())
        return name in names or EVERYTHING in names

    def names(self, kind: str) -> set[str]:
        """Return the names of all documents of a kind, damaged ones too."""
        documents: Mapping[str, Any] = getattr(self.workspace, kind)
        return {*documents, *self.damaged.get(kind, ())} - {EVERYTHING}

    def has(self, kind: str, name: str) -> bool:
        """Tell whether a document exists, or may exist once a file can be read."""
        return EVERYTHING in self.damaged.get(kind, ()) or name in self.names(kind)

    def fault(
        self,
        kind: str,
        name: str,
        path: str,
        message: str,
        *,
        value: Any = "",
        hint: str = "",
        severity: str = "error",
    ) -> Fault:
        """Return a fault at a place in a document."""
        if kind == SETTINGS:
            file, place = SETTINGS_FILE, path
        elif _KINDS[kind].folder:
            file, place = _KINDS[kind].file(name), path
        else:
            file, place = _KINDS[kind].file(name), f"{name}.{path}" if path else name
        return Fault(
            file=file,
            path=place,
            value="" if value == "" else shown(value),
            message=message,
            hint=hint,
            severity=severity,
        )

    def unknown(
        self, kind: str, name: str, path: str, wanted: str, names: Iterable[str]
    ) -> Iterator[Fault]:
        """Yield a fault for each of `names` that is no document of the kind `wanted`."""
        for each in names:
            if not self.has(wanted, each):
                word = _KINDS[wanted].word
                yield self.fault(
                    kind,
                    name,
                    path,
                    f"There is no {word} '{shown(each)}'.",
                    value=each,
                    hint=did_you_mean(each, self.names(wanted)) or f"Declare the {word} first.",
                )

    def repeated(self, kind: str, name: str, path: str, values: Iterable[str]) -> Iterator[Fault]:
        """Yield a fault for each value that is listed again."""
        seen: set[str] = set()
        for value in values:
            if value in seen:
                yield self.fault(
                    kind, name, path, f"'{shown(value)}' is listed twice.", value=value
                )
            seen.add(value)
