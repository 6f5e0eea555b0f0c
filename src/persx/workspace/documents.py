"""Workspace files as a workspace: parsed, each fault of form noted with its file and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

import msgspec

from persx.model.errors import Fault
from persx.model.workspace import Settings, Workspace
from persx.workspace.conversion import Conversion
from persx.workspace.layout import (
    FILES,
    FOLDERS,
    SETTINGS,
    SETTINGS_FILE,
    Kind,
    is_workspace_file,
    read_folder,
    unknown_file,
)
from persx.workspace.source import Source, load

__all__ = ["Parsed", "parse", "parse_files", "read_folder"]

ATTRIBUTES_FILE: Final = "attributes.yaml"

EVERYTHING: Final = "*"
"""In place of a name: the file could not be read, so that any name may be meant."""


@dataclass(slots=True)
class Parsed:
    """What the files hold, as far as they can be read.

    Attributes:
        workspace: All documents that could be built, without their faulty parts.
        damaged: Kind → names of documents that are missing or incomplete because of a fault.
        files: File by (kind, name), for documents in files of their own.
        sources: What was read, by file.
    """

    workspace: Workspace
    faults: list[Fault]
    damaged: dict[str, set[str]]
    files: dict[tuple[str, str], str] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    _places: dict[str, dict[str, int]] = field(default_factory=dict)

    def locate(self, fault: Fault) -> Fault:
        """Return a fault of a document with the file and line where that was really read."""
        kind, _, rest = fault.file.partition("/")
        file = self.files.get((kind, rest.removesuffix(".yaml")), fault.file)
        if fault.line or file not in self.sources:
            return msgspec.structs.replace(fault, file=file)
        return msgspec.structs.replace(fault, file=file, line=self._line(file, fault.path))

    def unstated(self, field: str) -> frozenset[str]:
        """Return the names of attributes that were written without a field."""
        source = self.sources.get(ATTRIBUTES_FILE)
        lines = source.lines if source else {}
        return frozenset(name for name in self.workspace.attributes if (name, field) not in lines)

    def _line(self, file: str, path: str) -> int:
        """Return the line of a dotted path, or of the nearest place around it."""
        places = self._places.get(file)
        if places is None:
            source = self.sources[file]
            places = {".".join(keys): line for keys, line in source.lines.items()}
            self._places[file] = places
        path = path.replace("[", ".").replace("]", "")
        while path and path not in places:
            path = path.rpartition(".")[0]
        return places.get(path, 0)


def parse(files: Mapping[str, str]) -> tuple[Workspace | None, list[Fault]]:
    """Return the workspace that files hold, and all faults of their form.

    Args:
        files: Texts by path, relative to the workspace's folder.

    Returns:
        The workspace, or none where a fault is an error; and the faults, by file and line.
    """
    parsed = parse_files(files)
    refused = any(fault.severity == "error" for fault in parsed.faults)
    return None if refused else parsed.workspace, parsed.faults


def parse_files(files: Mapping[str, str]) -> Parsed:
    """Return what files hold as far as they can be read, so that checking can go on."""
    reader = _Reader()
    for path in sorted(files):
        if is_workspace_file(path):
            reader.read(path, files[path])
        else:
            fault = unknown_file(path)
            if fault is not None and fault not in reader.faults:
                reader.faults.append(fault)
    faults = sorted(reader.faults, key=lambda fault: (fault.file, fault.line, fault.path))
    workspace = Workspace(settings=reader.settings, **reader.documents)
    return Parsed(workspace, faults, reader.damaged, reader.files, reader.sources)


class _Reader:
    def __init__(self) -> None:
        self.settings = Settings()
        self.documents: dict[str, Any] = {}
        self.faults: list[Fault] = []
        self.damaged: dict[str, set[str]] = {}
        self.files: dict[tuple[str, str], str] = {}
        self.sources: dict[str, Source] = {}

    def read(self, path: str, text: str) -> None:
        source, faults = load(text, path)
        self.faults += faults
        folder = FOLDERS.get(path.split("/")[0]) if "/" in path else None
        if source is None:
            kind = folder.field if folder else PurePosixPath(path).stem
            self._damage(kind, PurePosixPath(path).stem if folder else EVERYTHING)
            return
        self.sources[path] = source
        conversion = Conversion(source, path)
        if folder is not None:
            self._document(folder, PurePosixPath(path).stem, source.value, (), path, conversion)
        elif path == SETTINGS_FILE:
            self._settings(source, conversion)
        else:
            self._map(FILES[path], source, path, conversion)
        self.faults += conversion.faults
        if faults:
            # A duplicate key or a tag may have changed what any document of the file says.
            kind_name = folder.field if folder else PurePosixPath(path).stem
            self._damage(kind_name, PurePosixPath(path).stem if folder else EVERYTHING)

    def _settings(self, source: Source, conversion: Conversion) -> None:
        value = {} if source.value is None else source.value
        self.settings = conversion.document(Settings, value, ()) or Settings()
        if conversion.faults:
            self._damage(SETTINGS, EVERYTHING)

    def _map(self, kind: Kind, source: Source, path: str, conversion: Conversion) -> None:
        value = {} if source.value is None else source.value
        if not isinstance(value, dict):
            conversion.fault(
                (),
                f"The file should be a map from each {kind.word}'s name to the {kind.word}.",
                value=value,
            )
            self._damage(kind.field, EVERYTHING)
            return
        for name, item in value.items():
            self._document(kind, name, item, (name,), path, conversion)

    def _document(
        self,
        kind: Kind,
        name: str,
        value: Any,
        keys: tuple[str, ...],
        path: str,
        conversion: Conversion,
    ) -> None:
        before = len(conversion.faults)
        conversion.check_name(kind.names, kind.word, name, keys)
        if kind.folder:
            first = self.files.setdefault((kind.field, name), path)
            if first != path:
                conversion.fault(
                    keys,
                    f"There are two documents for the {kind.word} '{name}'.",
                    value=name,
                    hint=f"The other one is {first}; rename one of the files.",
                )
                self._damage(kind.field, name)
                return
        if value is None and not kind.folder and not _needs_fields(kind):
            value = {}
        document = conversion.document(kind.document, value, keys, name=(kind.key, name))
        if document is not None:
            self.documents.setdefault(kind.field, {})[name] = document
        if len(conversion.faults) > before:
            self._damage(kind.field, name)

    def _damage(self, kind: str, name: str) -> None:
        self.damaged.setdefault(kind, set()).add(name)


def _needs_fields(kind: Kind) -> bool:
    return any(each.required for each in msgspec.structs.fields(kind.document))
