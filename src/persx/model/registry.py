"""Registries: lists that can be read, one per extensible room, open to third parties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.metadata import entry_points
from typing import Generic, Protocol, TypeVar

from persx.model.errors import NotFound, did_you_mean


class Named(Protocol):
    """Whatever a registry holds has a name."""

    @property
    def name(self) -> str:
        """The name that workspaces and messages use, unique in its registry."""
        ...


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """The built-in entries of a kind, followed by those of installed packages.

    Args:
        kind: What an entry is called in messages, such as ``block type``.
        group: The entry point group in which third parties announce theirs.
        entries: The built-in entries, in the order in which they are shown.
    """

    def __init__(self, kind: str, group: str, entries: Sequence[T]) -> None:
        self.kind = kind
        self.group = group
        self._builtin = tuple(entries)

    @cached_property
    def _by_name(self) -> dict[str, T]:
        found = {entry.name: entry for entry in self._builtin}
        for point in entry_points(group=self.group):
            entry: T = point.load()
            found.setdefault(entry.name, entry)
        return found

    def __getitem__(self, name: str) -> T:
        try:
            return self._by_name[name]
        except KeyError:
            raise NotFound(
                f"Unknown {self.kind} '{name}'.", value=name, hint=did_you_mean(name, self.names)
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[T]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all entries, in order."""
        return tuple(self._by_name)
