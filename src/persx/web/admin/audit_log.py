"""The audit log in the studio: who did what, filtered, to take along, and checked."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from persx.app import audit
from persx.app.audit import AuditRequest, AuditVerdict, VerifyAudit
from persx.app.submissions import inert
from persx.model.clock import iso
from persx.model.staff import AuditEntry
from persx.web.admin.frame import site_name, studio_page
from persx.web.visitors import services_of

PAGE_ROWS: Final = 50
KINDS: Final = {
    "": "Everything",
    "sign-in": "Signing in",
    "sign-in.failed": "Failed sign-ins",
    "account": "Accounts",
    "key": "API keys",
    "drafts": "Drafts",
    "snapshot": "Publications",
    "visitor": "Looks and erasures",
    "identity": "Merges",
    "retention": "Retention",
    "events": "Imported events",
    "item": "The catalogue",
    "experiment": "Experiments",
    "model": "Models that guess",
    "learning": "Learning",
    "recommender": "Recommendations",
    "probe": "Probes",
    "simulate": "Simulations",
    "health": "Silences of alerts",
}
"""What can be filtered for, and what it is called."""

WORDS: Final = {
    "sign-in": "signed in",
    "sign-in.failed": "failed to sign in",
    "sign-out": "signed out",
    "account.add": "added an account",
    "account.role": "changed a role",
    "account.password": "set a password",
    "account.link": "made a link for a password",
    "account.disable": "disabled an account",
    "account.enable": "enabled an account",
    "account.remove": "removed an account",
    "account.totp": "switched the second factor",
    "account.recovery": "renewed recovery codes",
    "account.sessions": "ended sessions",
    "key.create": "made an API key",
    "key.rotate": "gave a new secret to the API key",
    "key.revoke": "revoked the API key",
    "drafts.push": "changed drafts",
    "snapshot.publish": "published",
    "snapshot.activate": "went to another snapshot",
    "visitor.look": "looked at a visitor",
    "visitor.export": "exported visitors' data",
    "visitor.erase": "erased a visitor",
    "identity.unmerge": "took a merge back",
    "identity.link": "merged again",
    "retention.run": "removed what was too old",
    "health.silence": "silenced the alerts of",
    "health.unsilence": "ended the silence of",
    "events.import": "imported events",
    "item.import": "imported items",
    "item.hide": "hid from recommendations",
    "item.unhide": "let be recommended again",
    "item.remove": "removed from the catalogue",
    "experiment.import": "imported an experiment",
    "experiment.start": "started the experiment",
    "experiment.ramp": "let more visitors join the experiment",
    "experiment.stop": "stopped the experiment",
    "experiment.promote": "kept the winner of the experiment",
    "model.train": "trained a model",
    "model.activate": "uses another model",
    "model.stop": "stopped a model",
    "learning.publish": "published probabilities of the block",
    "learning.activate": "uses other probabilities of the block",
    "learning.stop": "stopped the learning of the block",
    "recommender.ask": "asked for a training of the pipeline",
    "recommender.train": "trained the pipeline",
    "recommender.activate": "recommends by another training of the pipeline",
    "recommender.tune": "wrote what tuning found into the drafts of the pipeline",
    "recommender.stop": "switched the trained pipeline off",
    "probe": "walked the site with probes",
    "simulate": "simulated visitors",
}
"""What an entry says, in words; what is not here says it by its name."""

COLUMNS: Final = ("number", "time", "who", "what", "on", "detail", "where", "previous")


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, newest first.

    Attributes:
        older: The query of the next page; empty where there is none.
        verdict: Of the check, where it was asked for.
    """

    name: str
    entries: tuple[AuditEntry, ...]
    who: str
    what: str
    since: str
    problem: str = ""
    kinds: Mapping[str, str] = MappingProxyType(KINDS)
    words: Mapping[str, str] = MappingProxyType(WORDS)
    older: str = ""
    newest: bool = True
    verdict: AuditVerdict | None = None


def _request(request: Request) -> tuple[AuditRequest, str]:
    query = request.query_params
    text, problem, since = query.get("since", ""), "", 0
    if text:
        try:
            day = datetime.strptime(text[:40], "%Y-%m-%d").replace(tzinfo=UTC)
            since = int(day.timestamp() * 1_000)
        except ValueError:
            problem = f"'{text[:40]}' is no day. Write it as 2026-11-30."
    before = query.get("before", "")
    return AuditRequest(
        since=since,
        who=query.get("who", "").strip()[:200],
        what=query.get("what", "")[:100],
        before=int(before) if before.isdecimal() and len(before) < 16 else 0,
        limit=PAGE_ROWS,
    ), problem


async def show_audit(request: Request) -> Response:
    """Show the audit log, newest first."""
    services = services_of(request)
    asked, problem = _request(request)
    found = await audit.entries(services, asked)
    since = request.query_params.get("since", "")[:40]
    older = ""
    if found.more:
        wanted = {"who": asked.who, "what": asked.what, "since": since}
        older = urlencode(
            {key: text for key, text in wanted.items() if text}
            | {"before": found.entries[-1].number}
        )
    check = request.query_params.get("check") == "1"
    view = AuditView(
        name=site_name(request),
        entries=found.entries,
        who=asked.who,
        what=asked.what,
        since=since,
        problem=problem,
        older=older,
        newest=not asked.before,
        verdict=await audit.verify(services, VerifyAudit()) if check else None,
    )
    return studio_page(request, "admin/audit.html", view, 422 if problem else 200)


async def export_audit_lines(request: Request) -> Response:
    """Answer the whole log as JSON Lines, as it is stored: each line has the hash of the last."""
    return _attachment(audit.lines(services_of(request)), "application/x-ndjson", "audit.jsonl")


async def export_audit_csv(request: Request) -> Response:
    """Answer the whole log as CSV."""

    async def rows() -> AsyncIterator[bytes]:
        yield _csv([COLUMNS])
        async for lines in audit.lines(services_of(request)):
            entries = [msgspec.json.decode(line, type=AuditEntry) for line in lines.splitlines()]
            yield _csv(
                (
                    each.number, iso(each.at), each.who, each.what, each.on, each.detail,
                    each.where, each.previous,
                )
                for each in entries
            )  # fmt: skip

    return _attachment(rows(), "text/csv; charset=utf-8", "audit.csv")


def _csv(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([inert(str(cell)) for cell in row] for row in rows)
    return text.getvalue().encode()


def _attachment(body: AsyncIterator[bytes], media_type: str, name: str) -> Response:
    return StreamingResponse(
        body,
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
