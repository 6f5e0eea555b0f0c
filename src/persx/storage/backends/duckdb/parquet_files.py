"""Parquet files as rows of plain values, read piece by piece."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from persx.model.errors import BadInput
from persx.storage.backends.duckdb.engine import Limits, engine, quoted

_MARK: Final = b"PAR1"
_PIECE: Final = 1_000


def is_parquet(path: Path) -> bool:
    """Tell whether a file is one."""
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows, as JSON would say their values.

    Raises:
        BadInput: It cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="persx-items-") as folder:
        # A link under a plain name: DuckDB would take [ and * in the file's for patterns.
        link = Path(folder) / "given.parquet"
        link.symlink_to(path.resolve())
        try:
            with engine(Path(folder), Limits()) as connection:
                connection.execute(f"SELECT * FROM read_parquet({quoted(str(link))})")
                names = [each[0] for each in connection.description or ()]
                while rows := connection.fetchmany(_PIECE):
                    for row in rows:
                        yield {name: _plain(value) for name, value in zip(names, row, strict=True)}
        except BadInput as error:
            told = str(error.__cause__ or error).partition("\n")[0].replace(str(link), str(path))
            raise BadInput(f"{path} cannot be read. {told}", value=str(path)) from error


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
