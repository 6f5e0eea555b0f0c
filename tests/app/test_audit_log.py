"""The audit log: a chain that shows changes, and what it says of what everybody did."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.app import audit
from persx.app.audit import AuditRequest, VerifyAudit, chained, digest, note, perform, verify
from persx.app.catalogue import USE_CASES
from persx.app.home import open_home
from persx.app.publishing import (
    PUBLISH,
    PUSH,
    ROLLBACK,
    PublishRequest,
    PushRequest,
    RollbackRequest,
)
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.app.use_cases import Noted
from persx.model.errors import BadInput
from persx.model.staff import Actor
from persx.storage.ports import Record
from persx.web.admin.audit_log import KINDS, WORDS
from scripts.completeness import ROOT

ADA = Actor("ada", "203.0.113.0")


class Log:
    """A store that holds these records and nothing else."""

    def __init__(self, bodies: list[tuple[int, bytes]]) -> None:
        self.kept = [Record(number, body) for number, body in bodies]

    async def records(self, log: str, *, after: int = 0, limit: int = 1_000) -> list[Record]:
        return [each for each in self.kept if each.number > after][:limit]


def chain(details: list[str]) -> list[bytes]:
    bodies: list[bytes] = []
    for number, detail in enumerate(details, 1):
        noted = Noted("account.role", "bob", detail)
        bodies.append(chained(noted, ADA, number, number, bodies[-1] if bodies else None))
    return bodies


def verdict(bodies: list[tuple[int, bytes]], head: str = "") -> audit.AuditVerdict:
    services: Any = type("S", (), {"store": Log(bodies)})()
    return asyncio.run(verify(services, VerifyAudit(head=head)))


@given(st.lists(st.text(max_size=20), min_size=1, max_size=12), st.data())
def test_whatever_is_changed_or_taken_out_shows(details: list[str], data: st.DataObject) -> None:
    bodies = chain(details)
    numbered = list(enumerate(bodies, 1))
    whole = verdict(numbered)
    assert (whole.problem, whole.entries) == ("", len(bodies))
    assert whole.head == f"{len(bodies)}:{digest(bodies[-1])}"
    at = data.draw(st.integers(0, len(bodies) - 1))
    entry = json.loads(bodies[at])
    field = data.draw(st.sampled_from(["who", "what", "on", "detail", "at", "where", "previous"]))
    entry[field] = 77 if field == "at" else f"{entry[field]}x"
    changed = [*numbered]
    changed[at] = (at + 1, json.dumps(entry).encode())
    without = [pair for pair in numbered if pair[0] != at + 1]
    closed = list(enumerate((body for _, body in without), 1))
    for forged in (changed, without, closed):
        found = verdict(forged, head=whole.head)
        assert found.problem
        if at < len(bodies) - 1 or field == "previous":
            assert verdict(changed).problem, "within the chain it shows by itself"
    if at < len(bodies) - 1:
        assert verdict(without).problem
        assert verdict(closed).problem


def test_a_log_that_is_cut_or_written_anew_shows_against_a_head() -> None:
    bodies = chain(["a", "b", "c"])
    head = f"2:{digest(bodies[1])}"
    assert verdict(list(enumerate(bodies, 1)), head).problem == ""
    assert "cut or written anew" in verdict(list(enumerate(bodies[:1], 1)), head).problem
    assert (
        "cut or written anew" in verdict(list(enumerate(chain(["a", "B", "c"]), 1)), head).problem
    )
    assert verdict(list(enumerate(bodies[:2], 1))).problem == "", "by itself it does not"
    assert verdict([], head).problem
    for text in ("2", "x:y", "2:abc"):
        with pytest.raises(BadInput, match="no head"):
            verdict([], text)


def test_the_database_refuses_to_change_the_log_and_shows_who_does(tmp_path: Path) -> None:
    home = tmp_path / "home"

    async def write() -> None:
        async with open_home(home, ServerSettings()) as services:
            await asyncio.gather(*(note(services, ADA, Noted("x", str(n))) for n in range(30)))

    async def check() -> audit.AuditVerdict:
        async with open_home(home, ServerSettings(), read_only=True) as services:
            return await verify(services, VerifyAudit())

    asyncio.run(write())
    assert asyncio.run(check()).entries == 30
    with closing(sqlite3.connect(home / "persx.db")) as database:
        for statement in ("DELETE FROM record WHERE number = 9", "UPDATE record SET body = x'00'"):
            with pytest.raises(sqlite3.IntegrityError, match="records"):
                database.execute(statement)
        database.execute("DROP TRIGGER record_is_kept")
        database.execute("DELETE FROM record WHERE number = 9")
        database.commit()
    found = asyncio.run(check())
    assert (found.broken, found.problem) == (9, "Entry 9 is missing.")


def test_whatever_writes_says_what_the_log_tells_of_it() -> None:
    silent = [each.name for each in USE_CASES if each.writes and each.notes is None]
    assert silent == []
    assert any(each.notes is not None for each in USE_CASES)


@pytest.mark.anyio
async def test_publishing_is_told_with_what_changed(services: Services) -> None:
    before = await services.store.drafts()
    path = "settings.yaml"
    text = before[path].text + "\n# a remark\n"
    base = {each.path: each.digest for each in before.values()}
    files = {each.path: each.text for each in before.values()} | {path: text}
    await perform(services, PUSH, PushRequest(files=files, base=base, author="ada"), ADA)
    await perform(services, PUBLISH, PublishRequest(author="ada"), ADA)
    await perform(services, ROLLBACK, RollbackRequest(number=1), ADA)
    found = (await audit.entries(services, AuditRequest(who="ada"))).entries
    assert [(each.what, each.on, each.where) for each in found] == [
        ("drafts.push", "", "203.0.113.0")
    ], "a remark changes no document, and what is served already is no change"
    assert found[0].detail == "1 written, 0 removed: settings.yaml"


@pytest.mark.anyio
async def test_entries_are_found_by_who_what_and_when(services: Services) -> None:
    start = (await audit.entries(services, AuditRequest())).entries[0].number
    for number in range(2_500):
        who = Actor("bob" if number % 5 == 0 else "ada")
        await note(services, who, Noted("account.role" if number % 2 else "account", str(number)))
    last = start + 2_500

    async def numbers(**asked: Any) -> list[int]:
        found = await audit.entries(services, AuditRequest(**asked))
        return [each.number for each in found.entries]

    assert await numbers(limit=3) == [last, last - 1, last - 2]
    assert len(await numbers(who="bob", limit=10_000)) == 500
    assert len(await numbers(what="account", limit=10_000)) == 2_500
    assert len(await numbers(what="account.role", limit=10_000)) == 1_250
    assert await numbers(what="accoun") == []
    assert await numbers(since=services.clock() + 1) == []
    assert await numbers(before=last, limit=1) == [last - 1]
    lines = b"".join([piece async for piece in audit.lines(services)]).splitlines()
    assert len(lines) == last
    for line, after in itertools.pairwise(lines):
        assert json.loads(after)["previous"] == hashlib.sha256(line).hexdigest()


def test_the_studio_has_words_for_whatever_is_noted() -> None:
    """A new deed that the studio would show by its technical name fails here."""
    source = ROOT / "src" / "persx"
    texts = [
        path.read_text("utf-8") for path in source.rglob("*.py") if path.name != "audit_log.py"
    ]
    noted = {name for text in texts for name in re.findall(r'Noted\(\s*"([a-z.-]+)"', text)}
    noted |= {name for text in texts for name in re.findall(r'"(account\.[a-z]+)"', text)}
    # An attribute of a workspace may be called so too, as in the demos and in models.
    noted -= {"account.id", "account.plan"}
    assert len(noted) > 20
    assert noted <= set(WORDS)
    assert {name.partition(".")[0] for name in noted} <= {*KINDS, "sign-out"}
