"""Importing: turns a CSV or Parquet file into a table of the warehouse, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from persx.model.errors import BadInput, Unavailable
from persx.storage.backends.duckdb.csv_files import check_names, delimiter_of, fault_of
from persx.storage.backends.duckdb.engine import Limits, engine, quoted
from persx.storage.backends.duckdb.files import scratch, settle
from persx.storage.backends.duckdb.tables import check_table_name

TABLES: Final = "tables"
_PARQUET_MARK: Final = b"PAR1"
_ROW_GROUP: Final = 10_240
"""Rows that are unpacked together: what is read piece by piece is not unpacked again and again."""
_TYPES: Final = ["NULL", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP", "VARCHAR"]


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
    delimiter = ""
    try:
        with path.open("rb") as file:
            is_parquet = file.read(len(_PARQUET_MARK)) == _PARQUET_MARK
        if not is_parquet:
            delimiter = delimiter_of(path)
            check_names(path, delimiter)
        with scratch(home) as work, engine(work, limits) as connection:
            # A link under a plain name: DuckDB would take [ and * in the file's for patterns.
            link, temporary = work / "given", work / "table.parquet"
            link.symlink_to(path.resolve())
            source = quoted(str(link))
            if is_parquet:
                reader = f"read_parquet({source})"
            else:
                # Told less, DuckDB guesses a form in which lines that do not fit are left out, and
                # makes true and false of yes and No, which are names of arms too.
                reader = (
                    f"read_csv({source}, header = true, skip = 0, sample_size = -1, comment = '', "
                    f"delim = {quoted(delimiter)}, quote = '\"', escape = '\"', "
                    f"auto_type_candidates = {_TYPES})"
                )
            connection.execute(
                f"COPY (SELECT * FROM {reader}) TO {quoted(str(temporary))} "
                f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})"
            )
            (count,) = connection.execute(
                f"SELECT count(*) FROM read_parquet({quoted(str(temporary))})"
            ).fetchall()[0]
            settle(temporary, folder / f"{name}.parquet")
    except (BadInput, Unavailable) as error:
        if error.__cause__ is None:
            raise
        # DuckDB tells more than a line, of options that nobody has here.
        told = str(error.__cause__).partition("\n")[0].replace(str(link), path.name)
        raise BadInput(
            f"{path} cannot be imported. {(delimiter and fault_of(path, delimiter)) or told + '.'}",
            value=str(path),
            hint="Give a Parquet file, or a CSV file in UTF-8 with a header.",
        ) from error
    except OSError as error:
        raise BadInput(f"{path} cannot be imported: {error}.", value=str(path)) from error
    return int(count)


def drop_table(home: Path, name: str) -> None:
    """Remove an imported table if it is there."""
    (home / TABLES / f"{check_table_name(name)}.parquet").unlink(missing_ok=True)


def imported(home: Path) -> dict[str, Path]:
    """Return the imported tables' files by name."""
    return {path.stem: path for path in sorted((home / TABLES).glob("*.parquet"))}
