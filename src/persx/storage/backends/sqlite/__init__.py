"""The embedded backend: one SQLite file in a home, one writer thread, group commit."""

from persx.storage.backends.home_lock import HomeLock
from persx.storage.backends.sqlite.database import Database
from persx.storage.backends.sqlite.store import SqliteStore
from persx.storage.backends.sqlite.stream import SqliteStream

__all__ = ["Database", "HomeLock", "SqliteStore", "SqliteStream"]
