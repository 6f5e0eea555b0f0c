"""The folder of an exported readout: units row by row, what they were made of, and a script."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec

from persx.experiments.readout import Method, MetricPlan, Readout
from persx.experiments.reproduction import scripts
from persx.model.errors import BadInput

MANIFEST: Final = "experiment.json"
UNITS: Final = "units.csv"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared and where it is from, as ``experiment.json`` has it.

    Attributes:
        method: How often the readout may be looked at, which its intervals depend on.
        winsorised: Metrics whose numbers are cut, and at which share of the visitors.
        before: Metrics with a covariate: the same from before a visitor entered.
        within: Metrics that count within a time, so that others' cells are empty.
        seed: What is hashed with a visitor's bucketing id for the arm; empty for a file.
        snapshot, snapshot_digest: The publication that is served, and its SHA-256; the newest
            one that somebody was shown is in ``readout.json``.
        position: The last event of the log that was read.
        file_digest: SHA-256 of the file that was imported.
    """

    experiment: str
    source: str
    control: str
    comparator: str
    weights: Mapping[str, float]
    metrics: Sequence[MetricPlan]
    confidence: float
    method: Method
    winsorised: Mapping[str, float] = {}
    before: Sequence[str] = ()
    within: Sequence[str] = ()
    epoch: int = 1
    seed: str = ""
    snapshot: int | None = None
    snapshot_digest: str = ""
    position: int | None = None
    file_digest: str = ""
    units: int
    units_sha256: str
    simulated: bool = False
    persx: str = msgspec.field(default_factory=lambda: version("persx"))


class Folder:
    """Takes an export: the units while they are read, and at the end all that belongs to them.

    Raises:
        BadInput: The folder holds something else, or cannot be written.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        if (
            self.path.exists()
            and (not self.path.is_dir() or any(self.path.iterdir()))
            and not (self.path / MANIFEST).is_file()
        ):
            raise BadInput(
                f"{path} holds something else.",
                value=path,
                hint="Name a folder that is empty, or not there yet.",
            )

    def units(self, head: Sequence[str]) -> UnitsFile:
        """Return what takes the units, with the names of their columns."""
        return UnitsFile(self, head)

    def write(self, manifest: Manifest, readout: Readout, sql: str) -> tuple[str, ...]:
        """Write what belongs to the units; return the names of all files."""
        files = {
            "readout.json": _json(readout),
            "query.sql": sql.encode(),
            **{name: text.encode() for name, text in scripts().items()},
            "README.md": readme(manifest).encode(),
            MANIFEST: _json(manifest),
        }
        try:
            for name, content in files.items():
                (self.path / name).write_bytes(content)
        except OSError as error:
            raise self.failed(error) from error
        return (UNITS, *files)

    def failed(self, error: OSError) -> BadInput:
        """Return how it is said that something cannot be written."""
        return BadInput(
            f"{self.path} cannot be written: {error.strerror}.", value=str(self.path)
        )  # fmt: skip


class UnitsFile:
    """Writes ``units.csv`` portion by portion; nothing is left of what was not finished."""

    def __init__(self, folder: Folder, head: Sequence[str]) -> None:
        self._folder, self._head = folder, head
        self._hash = hashlib.sha256()
        self.rows = 0

    @property
    def digest(self) -> str:
        """SHA-256 of what was written."""
        return self._hash.hexdigest()

    def __enter__(self) -> UnitsFile:
        try:
            self._folder.path.mkdir(parents=True, exist_ok=True)
            self._file = (self._folder.path / UNITS).open("wb")
            self._write([self._head])
        except OSError as error:
            raise self._folder.failed(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError as closing:
            error = error or closing
        if error is not None:
            (self._folder.path / UNITS).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise self._folder.failed(error) from error

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write some units."""
        self._write(rows)
        self.rows += len(rows)

    def _write(self, rows: Iterable[Sequence[Any]]) -> None:
        told = io.StringIO()
        csv.writer(told, lineterminator="\n").writerows(rows)
        raw = told.getvalue().encode("utf-8", "replace")
        self._hash.update(raw)
        self._file.write(raw)


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def readme(manifest: Manifest) -> str:
    """Return what is said of an export to whoever gets it."""
    where = (
        f"Snapshot {manifest.snapshot} (SHA-256 {manifest.snapshot_digest}), the log up to event "
        f"{manifest.position}; arms come from the seed `{manifest.seed}`."
        if manifest.source == "live"
        else f"From an imported file with the SHA-256 {manifest.file_digest}."
    )
    simulated = "\n**Simulated data**: figures say nothing about people.\n"
    looks = {
        Method.ALWAYS_VALID: "Intervals hold however often one looks: a confidence sequence on "
        "the share of the conversions, an asymptotic one on the log scale for means and ratios, "
        "and a sequential test of the sample ratio.",
        Method.FIXED: "Intervals are those for one look, at a time that was fixed in advance.",
    }
    return f"""# Readout of {manifest.experiment}
{simulated if manifest.simulated else ""}
{where}

    python reproduce.py

computes the figures of `readout.json` anew from `{UNITS}` (it needs Python 3.11 and numpy), and
says how far each is off.

| file | what it holds |
|---|---|
| `{UNITS}` | {manifest.units:,} visitors: number, epoch, arm, segments, metrics |
| `readout.json` | the readout, as `persx report --json` prints it |
| `{MANIFEST}` | arms, weights, metrics, confidence, method, seed, snapshot, position in the log |
| `query.sql` | the SQL that found the units, in DuckDB's dialect |
| `reproduce.py`, `lifts.py` | the script: what is compared, and how each figure is computed |

{looks[manifest.method]}

## The columns

`metric:NAME` is the visitor's number in a metric: 1 or 0 in a conversion, an amount or a count in a
mean, and in a ratio what is above the line, `per:NAME` being what is below it.
{"".join(_about_columns(manifest))}
Values of a segment that the readout does not show are told as "(other)".

## What is computed anew

Of everyone and of every segment: visitors, totals, rates, lifts, intervals, p-values, differences,
guardrails, PLI, and the sample ratio; of segments the intervals adjusted for their number, and the
pooled lifts; layers, and the lift over the best single content.

## What is not

- Which visitors entered, when, and what each of them did: that is `query.sql`, over the log.
- How many were seen in two arms or took their consent back. The p-value of the latter is computed
  from the numbers in `readout.json`.
- Judgements and words: why a figure is withheld, whether a target is reached, notes.

There are no ids in `{UNITS}`: the numbers were drawn for this export. It is about people, one
by one, nevertheless: whoever knows much of one of them may recognise
the row. Delete it when you are done.
"""


def _about_columns(manifest: Manifest) -> Iterable[str]:
    if manifest.before:
        yield (
            "\n`before-…` is the same from before the visitor entered: the comparison is adjusted "
            f"by it\n({_names(manifest.before)}).\n"
        )
    if manifest.within:
        yield (
            f"\nA cell is empty where the visitor's time is not over ({_names(manifest.within)}): "
            "who is not looked at\ncounts neither above nor below.\n"
        )
    for name, share in manifest.winsorised.items():
        yield (
            f"\n`{name}` is **winsorised** at {share:.12g}: `{UNITS}` holds the numbers as they "
            "were cut, not as they were.\n`query.sql` cuts them.\n"
        )
    for each in manifest.metrics:
        if each.refused:
            yield f"\n`{each.name}` is refused, and its cells are empty: {each.refused}\n"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
