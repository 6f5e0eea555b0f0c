"""A probe is answered like anybody, and leaves nothing: no event, exposure, log line or figure."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.app import unseen
from persx.app.services import Services
from persx.app.signing import Signer
from persx.app.unseen import is_marked, mark
from persx.model.clock import HOUR
from persx.model.errors import Forbidden
from persx.model.probe import MARK_HEADER
from persx.storage.artifacts import Artifacts
from persx.storage.ports import Store, Stream, Warehouse
from persx.testing import see
from tests.conftest import WRITE_KEY

pytestmark = pytest.mark.anyio


def marked(services: Any, **headers: str) -> dict[str, str]:
    return {MARK_HEADER: mark(services.signer, services.clock() + HOUR), **headers}


def figures(services: Any) -> dict[str, float]:
    """Return every counter of the process."""
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in services.metrics.registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def exposure_in(page: str) -> str:
    found = re.search(r'src="(/v1/x/[^"]+)"', page)
    assert found is not None
    return found[1]


async def everything_kept(services: Any) -> tuple[Any, ...]:
    return (
        await see(services.stream).read(),
        await see(services.stream).rejected(),
        await see(services.store).identities(),
        dict(await services.store.values("")),
        services.decision_log.written,
        list(services.decision_log._unwritten()),
        services.metrics.asked,
        figures(services),
    )


async def test_a_whole_visit_of_a_probe_changes_nothing_that_is_kept_or_counted(
    client: Any, services: Any
) -> None:
    before = await everything_kept(services)
    client.headers.update(marked(services))
    assert (await client.get("/")).status_code == 200
    started = await client.post("/start", data={"industry": "SaaS", "complete": "1"})
    assert started.status_code == 303
    page = await client.get("/")
    assert 'data-variant="saas"' in page.text or 'data-reason="holdout"' in page.text
    image = await client.get(exposure_in(page.text))
    assert image.headers["content-type"] == "image/gif"
    form = {"page": "contact", "block": "contact-form", "name": "P", "email": "p@example.com"}
    await client.post("/forms/contact", data={**form, "message": "Hello", "reason": ""})
    await client.post("/privacy/consent", data={"answer": "none"})
    await client.post("/v1/beacon", json={"path": "/", "seconds": 3})
    await client.post("/v1/client-error", json={"message": "x"})
    key = {"Authorization": f"Bearer {WRITE_KEY}"}
    for path, body in (
        ("/v1/identify", {"anonymousId": "p-1", "traits": {"industry": "SaaS"}}),
        ("/v1/track", {"anonymousId": "p-1", "event": "Order Completed"}),
        ("/v1/track", {"event": 7}),
        ("/v1/batch", {"batch": [{"type": "page", "anonymousId": "p-1"}]}),
        ("/v1/decide", {"anonymousId": "p-1", "page": "home"}),
        ("/v1/decide", {"anonymousId": "p-1", "page": "nowhere"}),
    ):
        await client.post(path, json=body, headers=key)
    assert (await client.get("/nowhere")).status_code == 404
    assert await everything_kept(services) == before


async def test_the_same_visit_without_the_mark_is_kept(client: Any, services: Any) -> None:
    before = await everything_kept(services)
    await client.post("/start", data={"industry": "SaaS", "complete": "1"})
    await client.get(exposure_in((await client.get("/")).text))
    after = await everything_kept(services)
    changed = [left != right for left, right in zip(before, after, strict=True)]
    # Events, identities, lines of the decision log that wait, requests, figures.
    assert [changed[place] for place in (0, 2, 5, 6, 7)] == [True] * 5


@pytest.mark.parametrize(
    "wrong", ["", "1.x", "99999999999999.", "nonsense", "9" * 40 + ".a", "é.b"]
)
async def test_who_marks_themselves_is_refused_and_not_counted_as_a_person(
    client: Any, services: Any, wrong: str
) -> None:
    before = figures(services)
    answer = await client.get("/", headers={MARK_HEADER.encode(): wrong.encode()})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert figures(services) == before


async def test_a_mark_of_another_home_or_of_yesterday_is_refused(
    client: Any, services: Any
) -> None:
    now = services.clock()
    for text in (mark(Signer("another home"), now + HOUR), mark(services.signer, now - 1)):
        assert (await client.get("/", headers={MARK_HEADER: text})).status_code == 403


@given(st.text(max_size=80))
def test_no_text_is_a_mark_by_chance(text: str) -> None:
    assert not is_marked(Signer("secret"), text, 0)


@given(st.integers(1, 10**14), st.integers(0, 10**14))
def test_a_mark_is_good_until_its_moment_and_no_other_can_be_written_on_it(
    until: int, now: int
) -> None:
    signer = Signer("secret")
    made = mark(signer, until)
    assert is_marked(signer, made, now) == (until > now)
    later = f"{until + 1}.{made.partition('.')[2]}"
    assert not is_marked(signer, later, 0)


async def test_a_mark_opens_neither_the_studio_nor_the_commands(client: Any, services: Any) -> None:
    headers = marked(services)
    for method, path in (
        ("GET", "/admin"), ("POST", "/admin/login"), ("POST", "/v1/commands/publish")
    ):  # fmt: skip
        assert (await client.request(method, path, headers=headers)).status_code == 403


async def test_what_a_probe_carries_is_worth_nothing_to_a_person(
    client: Any, services: Any
) -> None:
    headers = marked(services)
    await client.post("/start", data={"industry": "SaaS", "complete": "1"}, headers=headers)
    page = await client.get("/", headers=headers)
    # Without the mark, the probe's own token and cookies.
    await client.get(exposure_in(page.text))
    assert await see(services.stream).read() == []
    assert 'data-reason="targeted"' not in (await client.get("/")).text


async def test_what_a_person_carries_is_worth_nothing_to_a_probe(
    client: Any, services: Any
) -> None:
    await client.post("/start", data={"industry": "SaaS", "complete": "1"})
    state = await client.get("/v1/state", headers=marked(services))
    assert state.json().get("industry") is None


async def test_only_probes_are_told_what_there_is_to_walk(client: Any, services: Any) -> None:
    assert (await client.get("/v1/probe")).status_code == 403
    told = (await client.get("/v1/probe", headers=marked(services))).json()
    names = [each["name"] for each in told["visitors"]]
    assert names == ["anyone", *told["industries"], "held out"]
    plan = services.publication.plan
    assert {stop["path"] for stop in told["visitors"][0]["stops"]} == set(plan.paths)
    held = told["visitors"][-1]
    assert held["held"]
    assert {block["reason"] for stop in held["stops"] for block in stop["blocks"]} == {"holdout"}
    assert not any(each["held"] for each in told["visitors"][:-1])


def test_each_part_of_the_services_is_shared_with_probes_or_their_own() -> None:
    names = {field.name for field in dataclasses.fields(Services)}
    assert names == unseen.SHARED | unseen.OWN, "Say in app/unseen.py what probes get of it."
    assert not unseen.SHARED & unseen.OWN


def test_each_method_of_storage_is_sorted_into_what_a_probe_may_do_and_what_not() -> None:
    """A new method of a port is refused to probes until somebody says that it changes nothing."""
    refused = {
        Store: {
            "cut", "mend", "merge_states", "save_drafts", "publish", "activate", "add_record",
            "add_tombstones", "expire_facts", "forget_attributes", "close",
        },
        Stream: {"use_projector"},
        Warehouse: {"seal", "import_file", "drop_table", "remove", "copy_to", "close"},
        Artifacts: {"put", "activate"},
    }  # fmt: skip
    allowed = {
        Store: unseen.STORE_READS | unseen.STORE_NOTHING.keys(),
        Stream: unseen.STREAM_READS | {"append"},
        Warehouse: unseen.WAREHOUSE_READS,
        Artifacts: unseen.ARTIFACT_READS,
    }
    for port, names in refused.items():
        methods = {name for name in vars(port) if not name.startswith("_")}
        assert methods == names | allowed[port], port.__name__


async def test_what_changes_anything_is_refused_to_a_probe(services: Any) -> None:
    own = unseen.Unseen(services).services()
    for port, name in ((own.store, "publish"), (own.warehouse, "remove"), (own.artifacts, "put")):
        with pytest.raises(Forbidden, match="changes nothing"):
            getattr(port, name)
