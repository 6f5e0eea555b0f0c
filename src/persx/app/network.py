"""The network database: a file in MaxMind's format that tells of the network of an address.

It is read into memory, because a mapped file that somebody cuts short ends the process. No
address is kept, nor what was found for it: looking it up again takes microseconds.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from maxminddb.reader import Reader

MOST_BYTES: Final = 1 << 30
"""Bytes that a database may have: all of it is held in memory."""

_log = logging.getLogger("persx")

Signature = tuple[int, int, int]


class NetworkDatabase:
    """Looks addresses up in a file that its operator may replace at any time.

    A file that is missing or cannot be read is told of once, counted, and looked at again; until
    then what was read before answers, or nothing.

    Args:
        path: The file; none where the operator has none.
        failed: Told of each failure, to count it.
    """

    def __init__(self, path: Path | None, failed: Callable[[], object] = lambda: None) -> None:
        self.path = path
        self._failed = failed
        self._reader: Reader | None = None
        self._seen: Signature | None = None
        self._told = ""

    @property
    def opened(self) -> bool:
        """Whether there is anything to look up in."""
        return self._reader is not None

    def look(self) -> bool:
        """Read the file if it is another one than before; tell whether it was taken up.

        Reading takes as long as the file is large: not for the event loop.
        """
        if self.path is None:
            return False
        try:
            found = self.path.stat()
            signature = (found.st_mtime_ns, found.st_size, found.st_ino)
            if signature == self._seen:
                return False
            # Also where it fails: a damaged file is read once, not every few seconds.
            self._seen = signature
            if found.st_size > MOST_BYTES:
                raise OSError(0, f"it has more than {MOST_BYTES:,} bytes")
            self._reader = _read(self.path.read_bytes())
        except Exception as error:
            if isinstance(error, FileNotFoundError):
                self._seen = None
            said = f"it is not a whole database in MaxMind's format ({type(error).__name__})"
            if self._tell(getattr(error, "strerror", None) or said):
                self._failed()
            return False
        self._told = ""
        built = self._reader.metadata()
        _log.info("Network database %s: %s, taken up.", self.path, built.database_type)
        return True

    def _tell(self, why: str) -> bool:
        if why == self._told:
            return False
        self._told = why
        goes_on = "what was read before is used" if self._reader else "nothing is hinted at"
        _log.error(
            "The network database %s cannot be used: %s. Until it can, %s. Put a whole file in "
            "MaxMind's format there; it is taken up by itself.",
            self.path,
            why.rstrip("."),
            goes_on,
        )
        return True

    def record(self, address: str) -> Mapping[str, Any]:
        """Return what the database has on an address: empty where that is nothing.

        Addresses that are nobody's in public (private, loopback, reserved ones) are not looked
        up. Never raises, whatever the address or the file holds.
        """
        reader = self._reader
        if reader is None or not address:
            return {}
        try:
            found = ip_address(address.partition("%")[0])
            if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
                found = found.ipv4_mapped
            if not found.is_global or found.version > reader.metadata().ip_version:
                return {}
        except ValueError:
            return {}
        try:
            record = reader.get(found)
        except Exception as error:
            self._failed()
            self._tell(f"a record is damaged ({type(error).__name__})")
            return {}
        return record if isinstance(record, dict) else {}


def _read(data: bytes) -> Reader:
    # Loaded by those who have a database only.
    from maxminddb.const import MODE_FD
    from maxminddb.reader import Reader

    return Reader(io.BytesIO(data), MODE_FD)


def field(record: Mapping[str, Any], path: str) -> object:
    """Return the field of a record at a dotted path; a number counts into a list.

    >>> field({"country": {"iso_code": "AT"}}, "country.iso_code")
    'AT'
    """
    found: object = record
    for part in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found
