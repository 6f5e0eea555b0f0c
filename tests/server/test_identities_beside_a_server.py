"""`persx identity` beside a running server, and without one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import SERVER_KEY, Server
from tests.server.conftest import Cli, Site

pytestmark = pytest.mark.server

KEY = {"Authorization": f"Bearer {SERVER_KEY}"}


@pytest.fixture
def server(serve: Callable[..., Server], home: Path, persx: Cli, site: Site) -> Server:
    """A server of a small site."""
    persx("publish", site.folder)
    return serve(home=home)


def says(server: Server, call: str, **fields: Any) -> None:
    assert httpx.post(f"{server.url}/v1/{call}", json=fields, headers=KEY).status_code == 200


def unit(server: Server, **who: str) -> str:
    """What experiments hash for somebody, as the server answers the next request."""
    answer = httpx.post(
        f"{server.url}/v1/decide", json={**who, "blocks": ["home-hero"]}, headers=KEY
    )
    found: str = answer.json()["visitor"]["id"]
    return found


def test_a_merge_is_taken_back_at_once_and_for_good(server: Server, persx: Cli) -> None:
    says(server, "page", anonymousId="laptop", name="Home")
    says(server, "identify", anonymousId="laptop", userId="ann", traits={"email": "ann@x.io"})
    assert unit(server, userId="ann") == "a:laptop"
    shown = json.loads(persx("identity", "show", "Ann@X.io", "--json").output)
    assert shown["bucketing_id"] == "a:laptop"
    assert [each["identity"] for each in shown["identities"]] == ["a:laptop", "u:ann"]
    assert "a:laptop – u:ann" in persx("identity", "show", "laptop").output

    assert "cut  a:laptop – u:ann" in persx("identity", "unmerge", "laptop", "ann").output
    assert unit(server, userId="ann") == "u:ann"
    says(server, "identify", anonymousId="laptop", userId="ann")
    assert unit(server, userId="ann") == "u:ann"
    assert "It was cut already." in persx("identity", "unmerge", "laptop", "ann").output
    assert "(cut)" in persx("identity", "show", "ann").output

    # A cut outlives the server.
    server.stop()
    assert "bucketing id u:ann" in persx("identity", "show", "ann").output
    linked = json.loads(persx("identity", "link", "laptop", "--json").output)
    assert [each["bucketing_id"] for each in linked["after"]] == ["a:laptop", "a:laptop"]
    assert "Nothing of a:laptop was unmerged" in persx("identity", "link", "laptop", code=4).output


def test_who_signs_in_keeps_the_arm_that_a_device_was_shown_before_any_event(
    server: Server,
) -> None:
    assert unit(server, anonymousId="fresh") == "a:fresh"
    says(server, "identify", anonymousId="fresh", userId="eve")
    assert unit(server, userId="eve") == "a:fresh"
    assert unit(server, anonymousId="fresh") == "a:fresh"


def test_what_cannot_be_done_is_said(server: Server, persx: Cli) -> None:
    says(server, "identify", anonymousId="phone", userId="ann")
    says(server, "identify", anonymousId="laptop", userId="ann")
    says(server, "page", anonymousId="ann", name="Home")
    assert "Nothing is known under 'nobody'" in persx("identity", "show", "nobody", code=4).output
    assert "may be u:ann or a:ann" in persx("identity", "show", "ann", code=2).output
    assert "Both are a:phone." in persx("identity", "unmerge", "phone", "a:phone", code=2).output
    says(server, "group", userId="ann", groupId="acme")
    assert persx("identity", "show", "acme").output.startswith("g:acme")
    through = persx("identity", "unmerge", "phone", "laptop", code=4).output
    assert "merged through others" in through
    apart = persx("identity", "unmerge", "a:ann", "u:ann", code=4).output
    assert "are not merged" in apart
    assert "No verified edge joins a:ann" in persx("identity", "unmerge", "a:ann", code=4).output
    persx("identity", "unmerge", "phone")
    assert "u:ann" in persx("identity", "show", "laptop").output
    assert "are not merged" in persx("identity", "unmerge", "phone", "laptop", code=4).output
