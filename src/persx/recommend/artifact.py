"""Artifacts of recommenders: a folder of arrays that are mapped into memory, and its manifest.

The manifest holds the SHA-256 of every file, so its own digest stands for all of them, and the
folder is called by it: what is under a name never changes, and a half-written one has no name.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from persx.model.artifact import body_digest
from persx.model.clock import Millis
from persx.model.errors import PersxError, Unavailable
from persx.model.item import Action
from persx.model.pipeline import Pipeline
from persx.recommend.recommenders import RECOMMENDERS, Recommender
from persx.recommend.recommenders.content import CONTENT
from persx.recommend.recommenders.kind import Arrays

FORMAT: Final = 2
"""Of what recommenders fit and read: another number than an artifact's, and it is trained anew."""

_IDS: Final = "ids.json"
_BUILDING: Final = "building-"


class TrainedOn(msgspec.Struct, frozen=True, kw_only=True):
    """What a pipeline was trained on.

    Attributes:
        users, items, rows: How many there were; of items, those of the catalogue too.
        first, last: When the oldest and the newest of it happened; 0 where there is nothing.
        seconds: How long the training took.
        memory: Bytes that it took at most.
    """

    users: int = 0
    items: int = 0
    rows: int = 0
    first: Millis = 0
    last: Millis = 0
    seconds: float = 0.0
    memory: int = 0


class ArrayFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a folder: its name in it, its bytes and their SHA-256."""

    file: str
    bytes: int
    digest: str


class FittedSource(msgspec.Struct, frozen=True, kw_only=True):
    """One source of a pipeline: which recommender, how it was set, its arrays by name."""

    recommender: str
    config: dict[str, Any]
    arrays: dict[str, ArrayFile]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a folder, and what it was made from.

    Attributes:
        pipeline: The document as it was when it was trained.
        ids: The file of the items' ids, by code.
        alike: What newcomers are compared with, where no source of the pipeline has it.
    """

    format: int = FORMAT
    pipeline: Pipeline
    ids: ArrayFile
    sources: tuple[FittedSource, ...]
    trained: TrainedOn = TrainedOn()
    alike: FittedSource | None = None

    def encode(self) -> bytes:
        """Return it as the body of an artifact."""
        return msgspec.json.encode(self, order="sorted")

    @property
    def files(self) -> Sequence[ArrayFile]:
        """All files of the folder."""
        sources = self.sources if self.alike is None else (*self.sources, self.alike)
        return (self.ids, *(each for source in sources for each in source.arrays.values()))


class TrainedSource(NamedTuple):
    """One source of a pipeline as it is asked.

    Attributes:
        actions: What it was fitted to; everything where none is named.
    """

    recommender: Recommender
    config: Any
    arrays: Arrays
    actions: tuple[Action, ...] = ()


class Trained:
    """A trained pipeline, mapped into memory.

    Attributes:
        number: Of the artifact.
        ids: Items' ids by code.
        sources: In the order of the pipeline's document.
        alike: What its items are made of, in the arrays of `content_index`; none where nobody
            needs it, and in artifacts that were written before there was any.
    """

    def __init__(
        self,
        manifest: Manifest,
        number: int,
        ids: Sequence[str],
        sources: Sequence[TrainedSource],
        alike: TrainedSource | None = None,
    ) -> None:
        self.manifest, self.number = manifest, number
        self.ids, self.sources = ids, sources
        self.alike = alike or next(
            (each for each in sources if each.recommender.name == CONTENT.name), None
        )

    @cached_property
    def codes(self) -> Mapping[str, int]:
        """Code by item id."""
        return {id: code for code, id in enumerate(self.ids)}


def folder_of(folder: Path, body: bytes) -> Path:
    """Return where the files of a manifest are, below the folder of all of them."""
    return folder / body_digest(body)[:32]


class Building:
    """A folder that is being written; what is done of it outlives a crash.

    Args:
        folder: Of all artifacts of recommenders.
        key: Names the work: the same pipeline on the same data has the same one, and goes on where
            it was left.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._all = folder
        self._folder = folder / (_BUILDING + hashlib.sha256(key.encode()).hexdigest()[:32])
        self._folder.mkdir(parents=True, exist_ok=True)

    @property
    def folder(self) -> Path:
        """Where it is written."""
        return self._folder

    def kept(self, place: int) -> FittedSource | None:
        """Return a source that was fitted before, by its place in the pipeline."""
        try:
            found = msgspec.json.decode(self._note(place).read_bytes(), type=FittedSource)
        except (OSError, msgspec.DecodeError):
            return None
        whole = all(
            (self._folder / each.file).is_file() and _digest(self._folder / each.file) == each
            for each in found.arrays.values()
        )
        return found if whole else None

    def keep(self, place: int, name: str, config: dict[str, Any], arrays: Arrays) -> FittedSource:
        """Write what was fitted for a source, durably."""
        files = {
            key: self._write(f"{place}-{name}-{key}.npy", array) for key, array in arrays.items()
        }
        found = FittedSource(recommender=name, config=config, arrays=files)
        _write_bytes(self._note(place), msgspec.json.encode(found))
        return found

    def finish(
        self,
        pipeline: Pipeline,
        ids: Sequence[str],
        sources: Sequence[FittedSource],
        trained: TrainedOn,
        alike: FittedSource | None = None,
    ) -> bytes:
        """Give the folder its name; return the body of its artifact."""
        path = self._folder / _IDS
        _write_bytes(path, msgspec.json.encode(list(ids)))
        manifest = Manifest(
            pipeline=pipeline,
            ids=_digest(path),
            sources=tuple(sources),
            trained=trained,
            alike=alike,
        )
        body = manifest.encode()
        for place in range(len(sources) + 1):
            self._note(place).unlink(missing_ok=True)
        target = folder_of(self._all, body)
        if target.exists():
            shutil.rmtree(self._folder)
        else:
            os.replace(self._folder, target)
        return body

    def _note(self, place: int) -> Path:
        return self._folder / f"{place}.json"

    def _write(self, file: str, array: NDArray[Any]) -> ArrayFile:
        path = self._folder / file
        with path.open("wb") as out:
            np.save(out, np.ascontiguousarray(array), allow_pickle=False)
            out.flush()
            os.fsync(out.fileno())
        return _digest(path)


def _write_bytes(path: Path, body: bytes) -> None:
    beside = path.with_suffix(".part")
    with beside.open("wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())
    os.replace(beside, path)


def _digest(path: Path) -> ArrayFile:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return ArrayFile(file=path.name, bytes=path.stat().st_size, digest=found)


def load(folder: Path, body: bytes, number: int, *, check: bool = True) -> Trained:
    """Return a trained pipeline whose files are what was written.

    Args:
        folder: Of all artifacts of recommenders.
        body: The artifact's.
        check: Read all of it once, to see that it is whole.

    Raises:
        Unavailable: A file is missing or damaged, or another version wrote it.
    """
    try:
        manifest = msgspec.json.decode(body, type=Manifest)
    except msgspec.DecodeError as error:
        raise _unusable(number, f"its manifest cannot be read: {error}") from None
    if manifest.format != FORMAT:
        raise _unusable(number, f"its format is {manifest.format}, not {FORMAT}")
    place = folder_of(folder, body)
    for each in manifest.files:
        _whole(place / each.file, each, number, check=check)
    ids = msgspec.json.decode((place / manifest.ids.file).read_bytes(), type=list[str])
    sources = [
        _source(place, source, number, told.actions)
        for source, told in zip(manifest.sources, manifest.pipeline.sources, strict=True)
    ]
    alike = None if manifest.alike is None else _source(place, manifest.alike, number)
    return Trained(manifest, number, ids, sources, alike)


def _source(
    place: Path, source: FittedSource, number: int, actions: tuple[Action, ...] = ()
) -> TrainedSource:
    try:
        recommender = RECOMMENDERS[source.recommender]
        config = msgspec.convert(source.config, recommender.config)
    except (PersxError, msgspec.ValidationError) as error:
        raise _unusable(number, str(error)) from None
    arrays = {name: _mapped(place / each.file) for name, each in source.arrays.items()}
    return TrainedSource(recommender, config, arrays, actions)


def _whole(path: Path, expected: ArrayFile, number: int, *, check: bool) -> None:
    try:
        found = _digest(path).digest if check else expected.digest
        size = path.stat().st_size
    except OSError as error:
        raise _unusable(number, f"'{path.name}' is missing: {error.strerror}") from None
    if size != expected.bytes or found != expected.digest:
        raise _unusable(number, f"'{path.name}' is damaged")


def _mapped(path: Path) -> NDArray[Any]:
    found = np.load(path, mmap_mode="r", allow_pickle=False)
    # Plain arrays of the same memory: subclasses cost microseconds with every slice.
    return np.asarray(found)


def _unusable(number: int, why: str) -> Unavailable:
    return Unavailable(
        f"Artifact {number} of recommendations is not used: {why}.",
        value=number,
        hint="Activate an earlier one, or train it anew.",
    )
