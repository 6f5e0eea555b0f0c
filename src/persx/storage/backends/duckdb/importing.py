"""Importing: turns a CSV or Parquet file into a table of the warehouse, whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from persx.model.errors import BadInput, Unavailable
from persx.storage.backends.duckdb.engine import Limits, engine, quoted
from persx.storage.backends.duckdb.files import scratch, settle
from persx.storage.backends.duckdb.tables import check_table_name

TABLES: Final = "tables"
_PARQUET_MARK: Final = b"PAR1"
_LONGEST_HEADER: Final = 1 << 20


def import_file(home: Path, name: str, path: Path, limits: Limits) -> int:
    """Keep a file as ``HOME/tables/NAME.parquet``; return its row count.

    Raises:
        BadInput: The name will not do, or the file is not there, empty, or neither format.
    """
    check_table_name(name)
    if not path.is_file() or not path.stat().st_size:
        raise BadInput(f"There is no file {path}, or nothing in it.", value=str(path))
    folder = home / TABLES
    folder.mkdir(exist_ok=True)
    try:
        with scratch(home) as work, engine(work, limits) as connection:
            # A link under a plain name: DuckDB would take [ and * in the file's for patterns.
            link, temporary = work / "given", work / "table.parquet"
            link.symlink_to(path.resolve())
            with path.open("rb") as file:
                head = file.readline(_LONGEST_HEADER)
            source = quoted(str(link))
            if head.startswith(_PARQUET_MARK):
                reader = f"read_parquet({source})"
            else:
                # Told less, DuckDB guesses a form in which lines that do not fit are left out.
                reader = (
                    f"read_csv({source}, header = true, skip = 0, sample_size = -1, comment = '', "
                    f"delim = {quoted(_delimiter(head))}, quote = '\"', escape = '\"')"
                )
            connection.execute(
                f"COPY (SELECT * FROM {reader}) TO {quoted(str(temporary))} "
                "(FORMAT parquet, COMPRESSION zstd)"
            )
            (count,) = connection.execute(
                f"SELECT count(*) FROM read_parquet({quoted(str(temporary))})"
            ).fetchall()[0]
            settle(temporary, folder / f"{name}.parquet")
    except (BadInput, Unavailable) as error:
        # DuckDB's own message names the place in the file; ours names the file.
        reason = str(error.__cause__ or error)
        raise BadInput(
            f"{path} cannot be imported: {reason}",
            value=str(path),
            hint="Give a Parquet file, or a CSV file in UTF-8 with a header.",
        ) from error
    except OSError as error:
        raise BadInput(f"{path} cannot be imported: {error}.", value=str(path)) from error
    return int(count)


def _delimiter(head: bytes) -> str:
    """Return what separates the names of a CSV file's header, looking past quoted ones."""
    unquoted = re.sub(r'"[^"]*"', "", head.decode("utf-8", "replace"))
    return max(",;\t|", key=unquoted.count)


def imported(home: Path) -> dict[str, Path]:
    """Return the imported tables' files by name."""
    return {path.stem: path for path in sorted((home / TABLES).glob("*.parquet"))}
