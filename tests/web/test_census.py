"""What is true of the visitors that are kept: shares, audiences' sizes, and the studio's page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from persx.app.access import make_link
from persx.app.census import CensusRequest, census, checked_drafts
from persx.app.home import open_home
from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.settings import ServerSettings
from persx.app.starting import load_demo
from persx.model.attribute import Source
from persx.model.event import EventType
from persx.testing.identities import call, login
from persx.visitors.fold import Fold
from persx.web.admin.attributes import WORDS
from persx.web.server import create_app
from persx.workspace.attribute_uses import attribute_catalogue
from persx.workspace.creation import create
from persx.workspace.layout import read_folder
from persx.workspace.validation import check
from tests.conftest import PASSWORD

pytestmark = pytest.mark.anyio


async def fill(services: Any, visitors: int) -> None:
    """Visitors of whom every second declares an industry, every tenth on two devices."""
    await services.stream.use_projector(Fold(services.publication.plan.attributes))
    events = []
    for number in range(visitors):
        industry = {"industry": "SaaS"} if number % 2 else {}
        events.append(call(EventType.IDENTIFY, number, anonymous_id=f"v{number}", traits=industry))
        if number % 10 == 0:
            events += [
                login(f"v{number}", f"u{number}", number),
                login(f"phone{number}", f"u{number}", number),
                call(EventType.GROUP, number, user_id=f"u{number}", group_id="acme"),
                call(EventType.PAGE, number, anonymous_id=f"phone{number}"),
            ]
    await services.stream.append(events)


async def test_each_visitor_counts_once(services: Any) -> None:
    await fill(services, 60)
    found = await census(services, CensusRequest())
    assert (found.visitors, found.whole) == (60, True)
    assert found.known["industry"] == 30
    assert found.known["page_views"] == 6, "who opened no page fills no count"
    assert found.known["company"] == 0
    assert found.audiences["all-users-with-industry"] == 30
    assert found.audiences["no-industry-yet"] == 30
    part = await census(services, CensusRequest(most=25))
    assert (part.visitors, part.whole) == (25, False)


async def test_small_audiences_are_warned_of_once_there_are_visitors(tmp_path: Path) -> None:
    create(tmp_path / "site")
    audiences = tmp_path / "site" / "audiences.yaml"
    audiences.write_text(
        audiences.read_text() + '\nfew: {when: industry == "SaaS" and known(tools)}\n'
        "many: {when: not known(tools)}\n"
        'phones: {when: device == "phone" and page_views >= 0 and known(goals)}\n'
    )
    async with open_home(None, ServerSettings(store="memory")) as services:
        files = read_folder(tmp_path / "site", [])
        await push(services, PushRequest(files=files, base={}, author="ada"))
        await publish(services, PublishRequest(author="ada", message=""))
        await services.publication.refresh(services.store)
        await fill(services, 40)
        (few,) = (await checked_drafts(services, CensusRequest())).faults
        assert (few.file, few.path, few.severity) == (
            "settings.yaml",
            "smallest_audience",
            "warning",
        )
        assert few.message.startswith("There are 40 visitors, so that no audience has 50")
        assert few.value == "many: 40"
        await services.stream.append(
            [call(EventType.PAGE, anonymous_id=f"w{number}") for number in range(20)]
        )
        faults = (await checked_drafts(services, CensusRequest())).faults
        assert {fault.severity for fault in faults} == {"warning"}
        assert {fault.path for fault in faults} == {
            "few.when",
            "readers.when",
            "store-owners.when",
        }
        assert faults[-1].file == "audiences.yaml"
        assert faults[-1].message.startswith("The audience has 0 of 60 visitors")
        # Drafts are counted before they are published, where what they read is kept.
        audiences.write_text(
            audiences.read_text()
            + '\nnew: {when: industry == "SaaS"}\nuncounted: {when: carts == 0}\n'
            'through: {when: in_audience("uncounted")}\n'
        )
        attributes = tmp_path / "site" / "attributes.yaml"
        attributes.write_text(
            attributes.read_text() + "\ncarts: {type: number, source: computed, purpose: analytics,"
            " compute: {kind: count, event: Product Added}}\n"
        )
        changed = read_folder(tmp_path / "site", [])
        base = {path: draft.digest for path, draft in (await services.store.drafts()).items()}
        await push(services, PushRequest(files=changed, base=base, author="ada"))
        faults = (await checked_drafts(services, CensusRequest())).faults
        assert {fault.path for fault in faults} == {
            "few.when",
            "new.when",
            "readers.when",
            "store-owners.when",
        }


async def test_the_studio_lists_the_attributes(client: Any, services: Any) -> None:
    assert "Sign in" in (await client.get("/admin/attributes")).text
    await client.get(await make_link(services))
    empty = (await client.get("/admin/attributes")).text
    assert "0 visitors looked at" in empty
    assert "Known for nobody" not in empty
    await fill(services, 20)
    page = (await client.get("/admin/attributes")).text
    assert "20 visitors looked at" in page
    assert "all-users-with-industry · when" in page
    assert "50%" in page
    assert "<code>company</code>" in page.partition("Known for nobody:")[2].partition("</li>")[0]


async def test_the_studio_has_words_for_every_use(tmp_path: Path) -> None:
    create(tmp_path / "site")
    files = read_folder(tmp_path / "site", [])
    files["attributes.yaml"] += "\nnetwork.org: {source: contextual, purpose: personalization}\n"
    files["settings.yaml"] += """
network:
  attributes: {network.org: autonomous_system_organization}
  industries: {SaaS: 'contains(network.org, "cloud")'}
"""
    workspace, faults = check(files)
    assert workspace is not None, faults
    kinds = {use.kind for entry in attribute_catalogue(workspace) for use in entry.uses}
    assert "settings" in kinds
    assert kinds <= WORDS.keys()


async def test_what_comes_with_a_request_is_not_said_to_be_never_filled(services: Any) -> None:
    await fill(services, 2)
    found = await census(services, CensusRequest())
    request = msgspec.structs.replace(found.entries[0], name="weather", source=Source.CONTEXTUAL)
    entries = (*found.entries, request)
    known = {**found.known, "weather": 0}
    found = msgspec.structs.replace(found, entries=entries, known=known)
    assert "company" in found.never_filled
    assert "weather" not in found.never_filled


async def test_a_home_without_a_publication_has_an_empty_page() -> None:
    settings = ServerSettings(store="memory", admin_password=PASSWORD)
    async with open_home(None, settings) as services:
        app = create_app(services, command_token="token")
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as http:
            await http.get(await make_link(services))
            assert "Nothing is kept of visitors" in (await http.get("/admin/attributes")).text
        await load_demo(services, "persx_ai")
