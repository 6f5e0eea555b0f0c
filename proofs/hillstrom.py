"""The report of a real e-mail test: 64,000 customers, every arm, metric and segment.

The customers of the MineThatData test (Hillstrom, 2008) were split at random into a men's e-mail,
a women's e-mail and none. The file is imported and reported the way a user does it; every figure
comes out of that report. A lift is against "No E-Mail", beside it its 95% interval and the
p-value of the same inversion.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from persx.app.commands import call
from persx.app.imports import IMPORT_EXPERIMENT, ImportExperiment
from persx.app.reports import REPORT, ReportRequest
from persx.experiments import wording
from persx.experiments.readout import ArmReadout, Readout

FILE = "experiments/hillstrom.csv"
SKIPPED = 77
"""The exit status that says: it could not run here."""


def read(file: Path) -> Readout:
    """Import the file into a fresh home and return its report."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        call(
            home,
            IMPORT_EXPERIMENT,
            ImportExperiment(
                file=str(file),
                name="hillstrom",
                arm="segment",
                control="No E-Mail",
                metrics=("conversion", "visit", "spend"),
                attributes=(
                    "channel", "zip_code", "newbie", "recency", "history_segment", "mens", "womens",
                ),
            ),
        )  # fmt: skip
        return call(home, REPORT, ReportRequest(name="hillstrom"))


def lines(readout: Readout) -> Iterator[str]:
    """Return the proof as lines of Markdown."""
    p = "–" if readout.srm.p is None else f"{readout.srm.p:.2f}"
    yield f"{readout.visitors:,} customers in {len(readout.arms)} arms; equal shares: p = {p}"
    for heading in readout.metrics:
        yield f"\n## {heading.label}\n"
        yield from _table(readout, heading.name, {"": readout.arms})
    for attribute, values in readout.segments.items():
        for heading in readout.metrics:
            yield f"\n## {heading.label} by {attribute}\n"
            groups = {value: segment.arms for value, segment in values.items()}
            yield from _table(readout, heading.name, groups, attribute)


def _table(
    readout: Readout,
    metric: str,
    groups: Mapping[str, Mapping[str, ArmReadout]],
    attribute: str = "",
) -> Iterator[str]:
    heading = next(each for each in readout.metrics if each.name == metric)
    titles = ["arm", "customers", "total", heading.rate_label, "lift", "interval", "p"]
    rows = [
        [
            value,
            name,
            f"{arm.n:,}",
            wording.amount(arm.metrics[metric].total),
            wording.rate(heading.kind, arm.metrics[metric].rate),
            wording.signed_percent(arm.metrics[metric].lift),
            wording.interval(arm.metrics[metric].low, arm.metrics[metric].high),
            "–" if (p := arm.metrics[metric].p) is None else f"{p:.2g}",
        ]
        for value, arms in groups.items()
        for name, arm in arms.items()
    ]
    if attribute:
        titles.insert(0, attribute)
    else:
        rows = [row[1:] for row in rows]
    yield from _aligned([titles, *rows], names=len(titles) - 6)


def _aligned(rows: Sequence[Sequence[str]], *, names: int) -> Iterator[str]:
    """Return a Markdown table that is a table as plain text too; figures stand to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        cells = [
            cell.ljust(width) if place < names else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            marks = [
                "-" * width if place < names else "-" * (width - 1) + ":"
                for place, width in enumerate(widths)
            ]
            yield f"| {' | '.join(marks)} |"


def main() -> int:
    """Print the proof, or say what is missing and stop."""
    data = os.environ.get("PERSX_DATA")
    file = Path(data or "") / FILE
    if not data or not file.is_file():
        print(f"{FILE} is not in the folder that PERSX_DATA names: nothing was proved.")
        return SKIPPED
    for line in lines(read(file)):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
