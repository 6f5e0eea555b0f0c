"""The warehouse of one machine: DuckDB over sealed Parquet segments and the hot rows."""

from persx.storage.backends.duckdb.hot_log import HotLog
from persx.storage.backends.duckdb.warehouse import DuckdbWarehouse

__all__ = ["DuckdbWarehouse", "HotLog"]
