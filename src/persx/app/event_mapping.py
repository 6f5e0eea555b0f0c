"""How rows of a file become events: a mapping, and the SELECT that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from persx.model.errors import BadInput, did_you_mean
from persx.model.event import EventType

_WHOLE: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "UINTEGER")
_FRACTIONS: Final = ("FLOAT", "DOUBLE", "DECIMAL")


_NAMES_ZONE: Final = r":\d\d[.,\d]*\s*([Zz]|[+-]\d\d?(:?\d\d){0,2}|[A-Za-z][\w/+-]*)$"
"""What a time ends with that says in which zone it is: Z, +05:30, Europe/Vienna."""

_MILLISECONDS: Final = r"-?\d{11,14}"

SECONDS: Final = 100_000_000_000
"""Below this a number is of 1973 or earlier as milliseconds, and up to the year 5138 as seconds."""

MICROSECONDS: Final = 100_000_000_000_000
"""From this on a number is after the year 5138 as milliseconds."""


class Constant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same value for every event."""

    value: str | int | float | bool


class Formula(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that is computed: an expression of DuckDB's SQL over the file's columns."""

    sql: str


class Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list with an object for each of the rows that make one event."""

    each: dict[str, Any]


Source: TypeAlias = str | dict[str, Any]
"""Where a value comes from: a column's name, ``{value: …}``, ``{sql: …}`` or ``{each: {…}}``."""


class EventMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a file's rows become events.

    A text names a column; ``{value: …}`` is the same for all, ``{sql: …}`` computes. With
    `group_by`, the rows that agree in these columns are one event: what is not the same in all
    of them needs a formula such as ``sum(price)``, or ``{each: {…}}`` for a list of them.

    Attributes:
        type: The call that the events are.
        event: The name of the track event; a plain text is the name itself.
        user_id: Who did it.
        anonymous_id: Under which anonymous id it was done.
        group_id: The group, of a `group` call.
        timestamp: When it happened: a time, a date, or epoch milliseconds.
        zone: The IANA zone of times that name none.
        message_id: Identifies the event; made of file, mapping and row where it is left out.
        group_by: Columns; rows that agree in them are one event.
        where: A condition of SQL; rows for which it does not hold are left out.
        properties: Property → where it comes from.
        traits: Trait → where it comes from.
    """

    timestamp: Source
    type: EventType = EventType.TRACK
    event: Source = ""
    user_id: Source = ""
    anonymous_id: Source = ""
    group_id: Source = ""
    zone: str = "UTC"
    message_id: Source = ""
    group_by: tuple[str, ...] = ()
    where: str = ""
    properties: dict[str, Source] = {}
    traits: dict[str, Source] = {}


def read_mapping(document: object) -> EventMapping:
    """Return a mapping from what its YAML holds.

    Raises:
        BadInput: It is none; the message names the place.
    """
    try:
        mapping = msgspec.convert(document, EventMapping)
    except msgspec.ValidationError as error:
        fields = EventMapping.__struct_fields__
        unknown = (
            next((name for name in document if name not in fields), "")
            if isinstance(document, dict)
            else ""
        )
        raise BadInput(
            f"The mapping cannot be read: {error}.",
            hint=did_you_mean(str(unknown), fields) if unknown else "See docs/guides/importing.md.",
        ) from error
    if not (mapping.user_id or mapping.anonymous_id):
        raise BadInput(
            "The mapping does not say who the events are about.",
            hint="Give 'user_id' or 'anonymous_id' a column.",
        )
    if mapping.type is EventType.TRACK and not mapping.event:
        raise BadInput(
            "The mapping names no event.", hint="Give it a name, such as  event: Order Completed"
        )
    try:
        ZoneInfo(mapping.zone)
    except (KeyError, ValueError, OSError) as error:
        raise BadInput(
            f"'{mapping.zone}' is no IANA zone.", value=mapping.zone, hint="Write Europe/Vienna."
        ) from error
    return mapping


def select(mapping: EventMapping, table: str, columns: Mapping[str, str], prefix: str) -> str:
    """Return the SELECT that makes one row an event, in the order of the file or of time.

    Its columns are `position`, from 1, and `event`, a JSON text: `message_id`, `user_id`,
    `anonymous_id`, `group_id`, `name`, `happened` in epoch milliseconds, `properties`, `traits`.

    Args:
        table: Name of the table with the file's rows.
        columns: Column → type of DuckDB.
        prefix: What made-up message ids begin with.

    Raises:
        BadInput: A column is not there, or something is said that makes no sense together.
    """
    for name in mapping.group_by:
        _type_of(name, columns)
    writer = _Writer(mapping, columns)
    event = mapping.event
    name = _literal(event) if isinstance(event, str) else writer.text(event)
    at = writer.time(mapping.timestamp)
    order = ", ".join(["happened", *map(_name, mapping.group_by)]) if mapping.group_by else ""
    keys = "".join(f", {_name(each)}" for each in mapping.group_by)
    number = f"row_number() OVER ({f'ORDER BY {order}' if order else ''})"
    inner = [
        f"{writer.text(mapping.message_id)} AS given_id",
        f"{writer.text(mapping.user_id)} AS user_id",
        f"{writer.text(mapping.anonymous_id)} AS anonymous_id",
        f"{writer.text(mapping.group_id)} AS group_id",
        f"{name} AS name",
        f"{at} AS happened",
        f"{writer.document(mapping.properties)} AS properties",
        f"{writer.document(mapping.traits)} AS traits",
    ]
    where = f" WHERE ({mapping.where})" if mapping.where else ""
    group = f" GROUP BY {', '.join(map(_name, mapping.group_by))}" if mapping.group_by else ""
    # Of equal width: of two events at the same time the later row counts as the later.
    made = f"{_literal(prefix)} || lpad(CAST(position AS VARCHAR), 12, '0')"
    fields = ", ".join(
        f"{field}: {field}" for field in ("user_id", "anonymous_id", "group_id", "name", "happened")
    )
    return (
        "SELECT position, CAST(to_json({"
        f"message_id: coalesce(given_id, {made}), {fields}, "
        "properties: properties, traits: traits}) AS VARCHAR) AS event FROM ("
        f"SELECT *, {number} AS position FROM ("
        f"SELECT {', '.join(inner)}{keys} FROM {_name(table)}{where}{group})) ORDER BY position"
    )


def time_range(mapping: EventMapping, table: str, columns: Mapping[str, str]) -> str | None:
    """Return the SELECT of the least and the greatest number that is a time, without 0.

    None where times are no column of numbers.
    """
    source = mapping.timestamp
    if not isinstance(source, str) or not columns[source].startswith((*_WHOLE, *_FRACTIONS)):
        return None
    number = f"CAST({_name(source)} AS DOUBLE)"
    return f"SELECT min({number}), max({number}) FROM {_name(table)} WHERE {number} > 0"


def check_epoch(mapping: EventMapping, least: float, most: float) -> None:
    """Refuse numbers that are no times in milliseconds, as far as their size tells.

    Raises:
        BadInput: They look like seconds, or like micro- or nanoseconds.
    """
    if most < SECONDS:
        unit, divisor = "seconds", ""
    elif least >= MICROSECONDS:
        unit, divisor = (
            ("microseconds", " / 1e6") if most < MICROSECONDS * 1_000 else ("nanoseconds", " / 1e9")
        )
    else:
        return
    column = str(mapping.timestamp)
    alone = not mapping.group_by or column in mapping.group_by
    number = _name(column) if alone else f"min({_name(column)})"
    raise BadInput(
        f"The times in '{column}' look like epoch {unit}, and milliseconds are wanted.",
        value=most,
        hint=f"Write  timestamp: {{sql: {_literal(f'to_timestamp({number}{divisor})')}}}",
    )


class _Writer:
    """Writes sources as SQL."""

    def __init__(self, mapping: EventMapping, columns: Mapping[str, str]) -> None:
        self._mapping = mapping
        self._columns = columns
        self._grouped = bool(mapping.group_by)

    def value(self, source: Source, *, listed: bool = False) -> str:
        """Return the expression of a value."""
        if isinstance(source, str):
            _type_of(source, self._columns)
            name = _name(source)
            alone = listed or not self._grouped or source in self._mapping.group_by
            return name if alone else f"min({name})"
        match self._kind(source):
            case Constant(value=value):
                return _literal(value)
            case Formula(sql=sql):
                return f"({sql})"
            case Rows(each=each) if self._grouped and not listed:
                return f"list({self._object(each, listed=True)})"
        raise BadInput("'each' lists the rows of one event, which takes 'group_by'.", value=source)

    def text(self, source: Source) -> str:
        """Return the expression of an id or a name as text; whole numbers without fraction."""
        if source == "":
            return "NULL"
        value = self.value(source)
        if isinstance(source, str) and self._columns[source].startswith(_FRACTIONS):
            whole = f"CAST(CAST({value} AS HUGEINT) AS VARCHAR)"
            return f"CASE WHEN {value} = trunc({value}) THEN {whole} ELSE {value}::VARCHAR END"
        return f"CAST({value} AS VARCHAR)"

    def time(self, source: Source) -> str:
        """Return the expression of a time as epoch milliseconds; NULL where it is none."""
        value = self.value(source)
        kind = self._columns[source] if isinstance(source, str) else ""
        if kind.startswith((*_WHOLE, *_FRACTIONS)):
            return f"TRY_CAST({value} AS BIGINT)"
        if kind == "TIMESTAMP WITH TIME ZONE":
            return f"epoch_ms({value})"
        zone = _literal(self._mapping.zone)
        if kind.startswith("TIMESTAMP") or kind == "DATE":
            return f"epoch_ms(TRY_CAST({value} AS TIMESTAMP) AT TIME ZONE {zone})"
        # What DuckDB takes for a TIMESTAMP loses the zone that it names, and says nothing.
        text = f"trim(CAST({value} AS VARCHAR))"
        return (
            f"CASE WHEN regexp_full_match({text}, {_literal(_MILLISECONDS)}) "
            f"THEN TRY_CAST({text} AS BIGINT) "
            f"WHEN regexp_matches({text}, {_literal(_NAMES_ZONE)}) "
            f"THEN epoch_ms(TRY_CAST({text} AS TIMESTAMPTZ)) "
            f"ELSE epoch_ms(TRY_CAST({text} AS TIMESTAMP) AT TIME ZONE {zone}) END"
        )

    def document(self, sources: Mapping[str, Source]) -> str:
        """Return the expression of an object as JSON."""
        return f"to_json({self._object(sources)})" if sources else "CAST('{}' AS JSON)"

    def _object(self, sources: Mapping[str, Source], *, listed: bool = False) -> str:
        fields = (
            f"{_literal(name)}: {self.value(source, listed=listed)}"
            for name, source in sources.items()
        )
        return "{" + ", ".join(fields) + "}"

    @staticmethod
    def _kind(source: Mapping[str, Any]) -> Constant | Formula | Rows:
        kinds: tuple[type[Constant] | type[Formula] | type[Rows], ...] = (Constant, Formula, Rows)
        for kind in kinds:
            try:
                return msgspec.convert(source, kind)
            except msgspec.ValidationError:
                continue
        raise BadInput(
            f"The mapping does not understand {dict(source)!r}.",
            value=source,
            hint="Write a column's name, {value: …}, {sql: …} or {each: {…}}.",
        )


def _type_of(name: str, columns: Mapping[str, str]) -> str:
    if name not in columns:
        raise BadInput(
            f"The file has no column '{name}'.", value=name, hint=did_you_mean(name, columns)
        )
    return columns[name]


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _literal(value: str | int | float | bool) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
