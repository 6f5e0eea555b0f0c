"""What these tests share: a planted visitor, and a scan that decodes whatever a home holds."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from persx.model.attribute import Attribute, Computation, Source, ValueType
from persx.model.decision import DecisionRecord
from persx.model.event import Event, EventType, RejectedEvent
from persx.testing import make_event
from persx.testing.events import NOW
from persx.visitors.fold import Fold

ANONYMOUS = "5F1CE0DE-aaaa-4bbb-8ccc-Planted00001"
PHONE = "5f1ce0de-dddd-4eee-8fff-planted00002"
USER = "Jane.Döe+7@Example.com"
MESSAGE = "Please call me about the blue heron at my grandmother's"
CITY = "Klagenfurt-am-Wörthersee"

ATTRIBUTES = {
    attribute.name: attribute
    for attribute in (
        Attribute(name="customer.industry", type=ValueType.STRING),
        Attribute(name="city", type=ValueType.STRING, expires="90d"),
        Attribute(
            name="last_message",
            type=ValueType.STRING,
            source=Source.COMPUTED,
            compute=Computation(kind="last", event="Form Submitted", property="message"),
        ),
        Attribute(
            name="seen",
            type=ValueType.NUMBER,
            source=Source.COMPUTED,
            compute=Computation(kind="count", event="Product Viewed"),
        ),
    )
}


def fold() -> Fold:
    return Fold(ATTRIBUTES)


def planted(start: int) -> list[Event]:
    """All that somebody leaves behind: two devices, a user id, a form, an alias, a claim."""
    return [
        make_event(start, anonymous_id=ANONYMOUS),
        make_event(start + 1, anonymous_id=PHONE),
        make_event(
            start + 2,
            type=EventType.IDENTIFY,
            name=None,
            anonymous_id=ANONYMOUS,
            user_id=USER,
            verified=True,
            properties={},
            traits={"city": CITY, "email": USER.lower()},
        ),
        make_event(
            start + 3,
            type=EventType.ALIAS,
            name=None,
            anonymous_id=PHONE,
            user_id=USER,
            previous_id=PHONE,
            verified=True,
            properties={},
        ),
        make_event(
            start + 4,
            anonymous_id=ANONYMOUS,
            name="Form Submitted",
            properties={"form": "contact", "message": MESSAGE},
        ),
        make_event(start + 5, anonymous_id=None, user_id=USER),
        # A browser that only calls itself so: this event goes, its others stay.
        make_event(
            start + 6,
            type=EventType.IDENTIFY,
            name=None,
            anonymous_id="visitor-3",
            user_id=USER,
            traits={"city": CITY},
        ),
    ]


def others(start: int, stop: int) -> list[Event]:
    """Events of ten other visitors."""
    return [make_event(number) for number in range(start, stop)]


def decisions(start: int) -> list[DecisionRecord]:
    """Lines of the decision log, every third the planted visitor's."""
    return [
        DecisionRecord(
            id=f"{NOW + number:011x}{number:04x}",
            at=NOW + number,
            bucketing_id=f"a:{ANONYMOUS}" if number % 3 == 0 else f"a:visitor-{number % 10}",
            page="home",
            snapshot=1,
            body=msgspec.json.encode(
                {"attributes": {"city": CITY if number % 3 == 0 else "Graz"}}
            ).decode(),
        )
        for number in range(start, start + 12)
    ]


def set_aside() -> list[RejectedEvent]:
    """What could not be kept: some of it with the planted ids, plain and escaped."""
    escaped = msgspec.json.encode(USER).decode().encode("ascii", "backslashreplace").decode()
    escaped = escaped.replace("\\xf6", "\\u00f6")
    return [
        RejectedEvent(received=NOW, reason="no type", body=f'{{"userId":{escaped}}}'),
        RejectedEvent(received=NOW, reason="no type", body=f'{{"anonymousId":"{PHONE}"}}'),
        RejectedEvent(
            received=NOW,
            reason="no id",
            body=f'{{"note":"Mail from {USER.upper()} of yesterday, not answered"}}',
        ),
        RejectedEvent(received=NOW, reason="no id", body=f'{{"em":"{digest_of(USER)}"}}'),
        RejectedEvent(received=NOW, reason="no type", body='{"anonymousId":"visitor-4"}'),
    ]


def digest_of(address: str) -> str:
    """What platforms exchange instead of an address."""
    return hashlib.sha256(address.lower().encode()).hexdigest()


def table(folder: Path) -> Path:
    """A file as somebody imports it: the planted visitor stands in seven of its rows."""
    rows = [
        ("1", "treated", "", f" {USER.upper()} ", "4"),
        ("2", "control", f"Call {USER.lower()}, please", "", "5"),
        ("3", "treated", "", digest_of(USER), "6"),
        ("4", "control", "", hashlib.md5(USER.lower().encode()).hexdigest().upper(), "7"),
        ("5", "treated", f"came with {ANONYMOUS.lower()}", "", "8"),
        ("6", "control", f"x={PHONE};y", "", "9"),
        ("7", "treated", "", USER, "10"),
        ("8", "control", "", "visitor-3", "11"),
        (
            "9",
            "treated",
            "5f1ce0de-dddd-4eee-8fff-planted0000 is another one",
            "other@example.com",
            "12",
        ),
        ("10", "control", "", f"not-{USER.lower()[1:]}.at", "13"),
    ]
    path = folder / "customers.csv"
    lines = [",".join(f'"{each}"' for each in row) for row in rows]
    path.write_text("row,arm,note,who,orders\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def needles() -> dict[str, list[bytes]]:
    """What to look for: each planted text in the forms in which it could stand somewhere."""
    forms: dict[str, list[bytes]] = {}
    for text in (ANONYMOUS, PHONE, USER, MESSAGE, CITY):
        found = {text, text.lower(), text.upper(), text.strip().casefold()}
        raw = {each.encode() for each in found}
        raw |= {each.encode("utf-16-le") for each in found}
        raw |= {msgspec.json.encode(each)[1:-1] for each in found}
        raw |= {each.encode("ascii", "backslashreplace") for each in found}
        for each in list(found) + [f"{kind}:{text}" for kind in "auc"]:
            for algorithm in ("md5", "sha1", "sha256", "sha512", "blake2b"):
                digest = hashlib.new(algorithm, each.encode()).digest()
                raw |= {digest, digest.hex().encode(), base64.b64encode(digest)}
            raw.add(base64.b64encode(each.encode()).rstrip(b"="))
        forms[text] = sorted(raw)
    return forms


def scan(folder: Path) -> set[tuple[str, str]]:
    """Decode all that is in a folder; return which planted text was found where."""
    wanted = needles()
    found = set()
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        for place, content in _contents(path):
            for text, forms in wanted.items():
                if any(form in content for form in forms):
                    found.add((text, f"{path.relative_to(folder).parts[0]} {place}".strip()))
    return found


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    yield "bytes", path.read_bytes()
    if path.suffix == ".parquet":
        with closing(duckdb.connect()) as connection:
            rows = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        table = path.name.partition("-")[0]
        for row in rows:
            yield table, "\n".join(str(value) for value in row).encode()
    elif path.suffix == ".db":
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            for (table,) in tables.fetchall():
                for row in database.execute(f'SELECT * FROM "{table}"').fetchall():
                    yield table, "\n".join(map(_shown, row)).encode()


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return f"{value!r} {value.decode('utf-8', 'replace')} {msgspec.msgpack.decode(value)}"
        except (msgspec.DecodeError, ValueError):
            return f"{value!r} {value.decode('utf-8', 'replace')}"
    return str(value)
