"""What an erased visitor's browser still carries, cookies and an open page, tells nobody again."""

from __future__ import annotations

import re
from typing import Any

import pytest

from persx.app.erasing import erase
from persx.model.event import anonymous_key
from persx.testing import see
from persx.web.visitors import STATE, VISITOR

pytestmark = pytest.mark.anyio

INDUSTRY = "Healthcare"


async def visit(client: Any) -> str:
    """Answer the start form and open the contact page; return the path of its image."""
    form = {"industry": INDUSTRY, "complete": "1"}
    answer = await client.post("/start", data=form)
    assert answer.status_code in (200, 302, 303), answer.text[:500]
    page = (await client.get("/contact")).text
    image = re.search(r"/v1/x/[\w.~-]+", page)
    assert image is not None
    return image[0]


async def test_old_cookies_and_open_pages_are_not_believed(client: Any, services: Any) -> None:
    image = await visit(client)
    signed = client.cookies[VISITOR.name]
    anonymous_id = services.signer.read_visitor(signed)
    assert (await client.get("/v1/state")).json()["industry"] == INDUSTRY
    await erase(services, [anonymous_key(anonymous_id)])
    assert client.cookies[STATE.name], "the browser still has the cookie"
    assert "industry" not in (await client.get("/v1/state")).json()
    assert (await client.get(image)).status_code == 200
    await services.decision_log.flush(services.store)
    for table in ("events", "decisions"):
        rows = await see(services.warehouse).query(f"SELECT * FROM {table}")
        assert not [row for row in rows.rows if anonymous_id in str(row)], table
    registry = services.metrics.registry
    assert registry.get_sample_value("persx_events_total", {"result": "erased"}) == 1

    # The same browser is a new visitor from its next page on.
    page = (await client.get("/contact")).text
    again = re.search(r"/v1/x/[\w.~-]+", page)
    assert again is not None
    assert (await client.get(again[0])).status_code == 200
    (state,) = await see(services.store).states(anonymous_key(anonymous_id))
    assert "industry" not in state.facts
