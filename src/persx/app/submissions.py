"""Submissions: the answers of forms, for the owner to read and export."""

from __future__ import annotations

import csv
import io
import re
from typing import Any, Final

import msgspec

from persx.app.services import Services
from persx.model.clock import Millis, iso
from persx.model.event import FORM_SUBMITTED
from persx.storage.scope import Staff, System

_COUNTING: Final = System("counting submissions")

_SQL: Final = """
select timestamp, anonymous_id, user_id, properties
from events
where type = 'track' and name = $name
order by timestamp desc, sequence desc
limit $limit offset $offset
"""

_COUNT: Final = """
select count(*)
from events
where type = 'track' and name = $name and timestamp >= $since
"""

_FORMULA: Final = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
"""How a cell begins that a spreadsheet might compute; some of them trim it first."""


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One form as it was sent, with what its sender had been shown."""

    at: Millis
    visitor: str
    form: str = ""
    page: str = ""
    variant: str = ""
    industry: str = ""
    persona: str = ""
    answers: dict[str, Any] = {}


async def submissions(
    services: Services, reader: Staff, *, limit: int = 100, offset: int = 0
) -> list[Submission]:
    """Return submitted forms, newest first."""
    found = await services.warehouse.seen_by(reader).query(
        _SQL, {"name": FORM_SUBMITTED, "limit": limit, "offset": offset}
    )
    return [_submission(*row) for row in found.rows]


async def count_submissions(services: Services, *, since: Millis) -> int:
    """Return how many forms were submitted since a moment."""
    found = await services.warehouse.seen_by(_COUNTING).query(
        _COUNT, {"name": FORM_SUBMITTED, "since": since}
    )
    return int(found.rows[0][0])


def _submission(
    at: Millis, anonymous_id: str | None, user_id: str | None, properties: str
) -> Submission:
    kept: dict[str, Any] = msgspec.json.decode(properties or "{}", type=dict)
    answers = kept.get("answers")
    if not isinstance(answers, dict):
        # Other senders put the answers beside the form's name, as Segment's form events do.
        answers = {name: value for name, value in kept.items() if name not in ("form", "page")}

    def text(name: str) -> str:
        return str(kept.get(name) or "")

    return Submission(
        at=at,
        visitor=user_id or anonymous_id or "",
        form=text("form"),
        page=text("page"),
        variant=text("variant"),
        industry=text("industry"),
        persona=text("persona"),
        answers=answers,
    )


def as_csv(rows: list[Submission]) -> str:
    """Return submissions as CSV, a column for each answer; no cell can act as a formula."""
    names = list(dict.fromkeys(name for row in rows for name in row.answers))
    out = io.StringIO()
    writer = csv.writer(out)
    fixed = ["at", "visitor", "form", "page", "variant", "industry", "persona"]
    writer.writerow([*fixed, *map(_cell, names)])
    for row in rows:
        values = [iso(row.at), row.visitor, row.form, row.page]
        values += [row.variant, row.industry, row.persona]
        writer.writerow([_cell(value) for value in values + [row.answers.get(n) for n in names]])
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    return inert(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def inert(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    >>> inert("=1+1"), inert(" @SUM(A1)"), inert("a=b")
    ("'=1+1", "' @SUM(A1)", 'a=b')
    """
    return "'" + text if _FORMULA.match(text) else text
