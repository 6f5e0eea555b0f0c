"""Backing up and restoring: a home in one file, online, and back without whom it had to forget."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import re
import secrets
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import IO, Final

import msgspec

from persx.app.access import forget_links
from persx.app.erasing import apply_tombstones, settle_tombstones
from persx.app.home import open_home, prepare_home
from persx.app.kept_sums import forgetting
from persx.app.services import Services
from persx.app.sessions import forget_everybody
from persx.app.settings import ServerSettings
from persx.app.tombstone_file import FILE as TOMBSTONES
from persx.app.tombstone_file import TombstoneFile, read_tombstones
from persx.app.use_cases import Noted, UseCase
from persx.model.clock import Millis
from persx.model.errors import BadInput, Conflict

MANIFEST: Final = "manifest.json"
SETTINGS: Final = "persx.toml"

_FORMAT: Final = 1
_NAME: Final = re.compile(
    r"persx\.db|persx\.toml|tombstones|(?:segments|tables)/[A-Za-z0-9_][A-Za-z0-9_.-]*\.parquet"
    r"|recommenders/[0-9a-f]{32}/[A-Za-z0-9_][A-Za-z0-9_.-]*"
)
_PIECE: Final = 1 << 20


class Entry(msgspec.Struct, frozen=True):
    """One file of an archive."""

    path: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive holds; its last file, so that one that ends early has none."""

    format: int
    persx: str
    home: str
    at: Millis
    files: tuple[Entry, ...]


class BackupRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The file that takes the archive; one that is there is replaced once it is whole."""

    path: str


class BackedUp(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive holds."""

    path: str
    files: int
    bytes: int
    at: Millis


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, as of `at`; `erased` visitors were erased after that, and stay so."""

    home: str
    files: int
    bytes: int
    at: Millis
    erased: int


async def back_up(services: Services, request: BackupRequest) -> BackedUp:
    """Write everything in the home, as of one moment, to one file; it may be served meanwhile.

    Raises:
        BadInput: Everything is in memory, or the file cannot be written.
    """
    if services.home is None:
        raise BadInput("What is in memory cannot be backed up.")
    home, at = services.home, services.clock()
    # Named after the process, as all scratch is: an erasure waits until it is gone.
    name = await asyncio.to_thread(_scratch, home)
    try:
        await services.warehouse.copy_to(name)
        await asyncio.to_thread(services.recommender_folder.link_into, Path(name))
        entries = await asyncio.to_thread(
            _archive, home, Path(name), Path(request.path), services.keys.home_id, at
        )
    finally:
        await asyncio.to_thread(shutil.rmtree, name, ignore_errors=True)
    return BackedUp(
        path=request.path, files=len(entries), bytes=sum(each.bytes for each in entries), at=at
    )


def _scratch(home: Path) -> str:
    folder = home / "scratch"
    folder.mkdir(exist_ok=True, mode=0o700)
    return tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=folder)


def _archive(home: Path, folder: Path, path: Path, home_id: str, at: Millis) -> list[Entry]:
    if not path.parent.is_dir():
        raise BadInput(f"There is no folder {path.parent}.", value=str(path))
    for beside in (SETTINGS, TOMBSTONES):
        if (home / beside).exists():
            shutil.copyfile(home / beside, folder / beside)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        entries = _write(partial, folder, home_id, at)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return entries


def _write(archive: Path, folder: Path, home_id: str, at: Millis) -> list[Entry]:
    entries = []
    # Keys are in it: nobody else may read it, from the beginning.
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            for path in sorted(each for each in folder.rglob("*") if each.is_file()):
                name = path.relative_to(folder).as_posix()
                if not _NAME.fullmatch(name):
                    continue
                with path.open("rb") as content:
                    digest = hashlib.file_digest(content, "sha256").hexdigest()
                entries.append(Entry(name, path.stat().st_size, digest))
                tar.add(path, name)
            manifest = Manifest(
                format=_FORMAT, persx=version("persx"), home=home_id, at=at, files=tuple(entries)
            )
            written = msgspec.json.encode(manifest)
            info = tarfile.TarInfo(MANIFEST)
            info.size = len(written)
            tar.addfile(info, io.BytesIO(written))
        file.flush()
        os.fsync(file.fileno())
    return entries


def restore(path: Path, home: Path, *, tombstones: Path | None = None) -> Restored:
    """Make a home of an archive, and erase again whom tombstones name.

    Args:
        home: A folder that is not there yet, or empty.
        tombstones: The file of that name in the old home, or that home: erasures since the
            backup are in it.

    Raises:
        BadInput: The archive is damaged or something else, or the tombstones are another
            home's. Nothing was made.
        Conflict: There is something in the folder.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Conflict(f"{home} is not empty.", value=str(home), hint="Restore into a new folder.")
    told = read_tombstones(tombstones) if tombstones is not None else None
    home.parent.mkdir(parents=True, exist_ok=True)
    fresh = home.with_name(f".{home.name}.{secrets.token_hex(4)}.restoring")
    try:
        prepare_home(fresh)
        manifest = _read(path, fresh)
        erased = asyncio.run(_erase_again(fresh, told))
        if home.exists():
            home.rmdir()
        fresh.rename(home)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return Restored(
        home=str(home),
        files=len(manifest.files),
        bytes=sum(each.bytes for each in manifest.files),
        at=manifest.at,
        erased=erased,
    )


async def _erase_again(home: Path, told: TombstoneFile | None) -> int:
    """Open the home, which brings its database up to date, and erase whom the tombstones name."""
    async with open_home(home, ServerSettings(), deciding=False) as services:
        # Who was signed out since the backup shall not be signed in again by it.
        await forget_everybody(services)
        await forget_links(services)
        async with forgetting(services.store):
            pass
        if told is None:
            return 0
        known = await services.store.tombstones()
        if told.fingerprint != known.fingerprint:
            raise BadInput(
                "The tombstones are those of another home.",
                value=told.fingerprint,
                hint="Give those of the home that was backed up.",
            )
        erased = await apply_tombstones(services, told.stones)
        await settle_tombstones(services)
        return erased


def _read(path: Path, folder: Path) -> Manifest:
    """Unpack an archive and check every file against the manifest."""
    found: dict[str, Entry] = {}
    manifest: Manifest | None = None
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                content = tar.extractfile(info) if info.isreg() else None
                if content is None or manifest is not None or info.name in found:
                    raise _damaged(path, f"'{info.name}' does not belong there")
                if info.name == MANIFEST:
                    manifest = msgspec.json.decode(content.read(_PIECE * 64), type=Manifest)
                    continue
                if not _NAME.fullmatch(info.name):
                    raise _damaged(path, f"'{info.name}' does not belong there")
                target = folder / info.name
                target.parent.mkdir(parents=True, exist_ok=True)
                found[info.name] = _unpack(info.name, content, target)
    except FileNotFoundError as error:
        raise BadInput(f"There is no file {path}.", value=str(path)) from error
    except (tarfile.TarError, msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise _damaged(path, str(error)) from error
    if manifest is None:
        raise _damaged(path, "it ends too early")
    if manifest.format != _FORMAT:
        raise BadInput(
            f"{path} was written by persx {manifest.persx}, in a form that this one cannot read.",
            value=str(path),
            hint="Upgrade persx.",
        )
    for entry in manifest.files:
        if found.pop(entry.path, None) != entry:
            raise _damaged(path, f"'{entry.path}' is not what was backed up")
    if found:
        raise _damaged(path, f"'{min(found)}' is not in its manifest")
    return manifest


def _unpack(name: str, content: IO[bytes], target: Path) -> Entry:
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as file:
        for piece in _pieces(content):
            digest.update(piece)
            size += len(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return Entry(name, size, digest.hexdigest())


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    while piece := content.read(_PIECE):
        yield piece


def _damaged(path: Path, why: str) -> BadInput:
    return BadInput(
        f"{path} is damaged, or no backup: {why}.",
        value=str(path),
        hint="Nothing was restored; use another backup.",
    )


BACK_UP: Final = UseCase(
    "back-up",
    BackupRequest,
    BackedUp,
    back_up,
    writes=False,
    hands_out=Noted("visitor.export", "", "a backup"),
)
