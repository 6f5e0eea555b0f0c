"""CSV files as people save them: what separates the cells, and what is wrong in which line."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Final

from persx.model.errors import BadInput

_LONGEST_HEADER: Final = 1 << 20
_NOT_UTF_8: Final = re.compile("[\udc80-\udcff]")
"""Bytes that are no UTF-8, as Python shows them."""


def delimiter_of(path: Path) -> str:
    """Return what separates the names of the header, looking past quoted ones."""
    with path.open("rb") as file:
        head = file.readline(_LONGEST_HEADER)
    unquoted = re.sub(r'"[^"]*"', "", head.decode("utf-8", "replace"))
    return max(",;\t|", key=unquoted.count)


def check_names(path: Path, delimiter: str) -> None:
    """Refuse a header in which two columns have one name: nobody knows which one is meant.

    Raises:
        BadInput: There are such columns. Columns without a name are not looked at.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        try:
            names = next(csv.reader(file, delimiter=delimiter), [])
        except csv.Error:
            return  # What is wrong is told by whoever reads the rows.
    seen = Counter(name.strip().casefold() for name in names if name.strip())
    for name in names:
        if seen[name.strip().casefold()] > 1:
            raise BadInput(
                f"{path} has more than one column '{name.strip()}'.",
                value=name,
                hint="Give each column a name of its own; upper and lower case are alike.",
            )


def fault_of(path: Path, delimiter: str) -> str:
    """Return in one sentence where a file is no CSV; empty where nothing is found."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(file, delimiter=delimiter, strict=True)
        width, line = 0, 1
        try:
            for row in rows:
                if any(_NOT_UTF_8.search(cell) for cell in row):
                    return f"Line {line} is not in UTF-8."
                width = width or len(row)
                if row and len(row) != width:
                    return f"Line {line} does not have {width} cells as the header, but {len(row)}."
                line = rows.line_num + 1
        except csv.Error:
            return f"A quotation mark in line {line} is not closed, or stands inside a cell."
    return ""
