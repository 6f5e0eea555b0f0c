"""Exposures: the table that experiments are read from, drawn out of the events.

Beside each segment lies a small file with what its exposures say, so that a readout need not
parse millions of them again. It is nothing but a function of its segment: where it is missing the
segment is read instead, and it goes when its segment goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from persx.storage.backends.duckdb.engine import identifier, quoted

if TYPE_CHECKING:
    import duckdb

TABLE: Final = "exposures"

_SUFFIX: Final = ".exposures"

_EACH: Final = """
    SELECT
        experiment,
        unit,
        arm,
        md5_number_lower(concat_ws(chr(31), arm, epoch, page, segments)) AS cell,
        epoch,
        page,
        segments,
        timestamp,
        sequence,
        snapshot,
        1::BIGINT AS exposures
    FROM (
        SELECT
            said[1] AS experiment,
            md5_number_lower(coalesce(
                nullif(said[2], ''),
                CASE WHEN nullif(user_id, '') IS NOT NULL
                    THEN 'u:' || user_id ELSE 'a:' || anonymous_id END
            )) AS unit,
            said[3] AS arm,
            coalesce(TRY_CAST(said[4] AS INTEGER), 1) AS epoch,
            coalesce(said[5], '') AS page,
            coalesce(said[6], '') AS segments,
            TRY_CAST(said[7] AS BIGINT) AS snapshot,
            timestamp,
            sequence
        FROM (
            SELECT
                json_extract_string(properties, [
                    '$.experiment_id', '$.unit', '$.variation_id', '$.epoch', '$.page',
                    '$.segments', '$.snapshot'
                ]) AS said,
                user_id, anonymous_id, timestamp, sequence
            FROM {source}
            WHERE type = 'track' AND name = 'Experiment Viewed'
        )
    )
    WHERE experiment IS NOT NULL AND unit IS NOT NULL AND arm IS NOT NULL
"""
"""One row for each exposure.

`unit` is half of an MD5 of the identity: of ten million units two are mistaken for one with a
probability of three in a million. `cell` stands for arm, epoch, page and segments together.
"""

_FIRST: Final = """
    SELECT
        experiment,
        unit,
        arm,
        arg_min(cell, moment) AS cell,
        epoch,
        arg_min(page, moment) AS page,
        arg_min(segments, moment) AS segments,
        min(timestamp) AS timestamp,
        arg_min(sequence, moment) AS sequence,
        max(snapshot) AS snapshot,
        sum(exposures)::BIGINT AS exposures
    FROM (
        -- Time and place in the log in one number: the earlier one of a tie is first.
        SELECT *, timestamp * 9223372036854775808::HUGEINT + sequence AS moment FROM ({each})
    )
    GROUP BY experiment, unit, arm, epoch
    ORDER BY experiment, sequence
"""
"""Only the first exposure of each unit in an arm and epoch, and how many there were."""


def beside(segment: Path) -> Path:
    """Return the file with what a segment's exposures say."""
    return segment.with_suffix(_SUFFIX)


def draw(connection: duckdb.DuckDBPyConnection, rows: Path, file: Path) -> None:
    """Write what the exposures among a segment's rows say into a file."""
    first = _FIRST.format(each=_EACH.format(source=f"read_parquet({quoted(str(rows))})"))
    connection.execute(f"COPY ({first}) TO {quoted(str(file))} (FORMAT parquet, COMPRESSION zstd)")


def create_view(
    connection: duckdb.DuckDBPyConnection, segments: Iterable[Path], rest: str
) -> list[Path]:
    """Make the table of exposures; return the files that it reads.

    Args:
        segments: Those that are seen whole.
        rest: SELECT of all other events.
    """
    drawn, parts = [], [_EACH.format(source=f"({rest})")]
    for segment in segments:
        file = beside(segment)
        if file.exists():
            drawn.append(file)
        else:
            parts.append(_EACH.format(source=f"read_parquet({quoted(str(segment))})"))
    if drawn:
        files = ", ".join(quoted(str(file)) for file in drawn)
        parts.append(f"SELECT * FROM read_parquet([{files}])")
    connection.execute(f"CREATE VIEW {identifier(TABLE)} AS {' UNION ALL '.join(parts)}")
    return drawn
