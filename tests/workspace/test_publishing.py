"""Push, pull, publish and roll back on a real store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.app.publishing import (
    USE_CASES,
    DraftsRequest,
    PublishRequest,
    PullRequest,
    PushRequest,
    PushResult,
    RollbackRequest,
    SnapshotsRequest,
    drafts,
    publish,
    pull,
    push,
    rollback,
    snapshots,
)
from persx.app.services import Keys, Services
from persx.model.errors import BadInput, Conflict, InvalidWorkspace, NotFound
from persx.model.workspace import Workspace
from persx.storage.backends import open_storage
from persx.workspace.documents import read_folder
from persx.workspace.snapshot import canonical

T = TypeVar("T")

SHOP = read_folder(Path(__file__).parents[1] / "testdata" / "workspaces" / "shop")
GOALS = "goals.yaml"


def services(home: Path | None = None) -> Services:
    """A workspace's services: in memory, or in a home."""
    storage = open_storage(home, store="sqlite" if home else "memory")
    keys = Keys(write_key="w", server_key="s", secret="x")
    return Services(
        store=storage.store,
        stream=storage.stream,
        warehouse=storage.warehouse,
        artifacts=storage.artifacts,
        items=storage.items,
        keys=keys,
    )


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one use case."""
    return asyncio.run(work)


def pushed(at: Services, files: dict[str, str], base: dict[str, str] | None = None) -> PushResult:
    """Push files."""
    return run(push(at, PushRequest(files=files, base=base or {}, author="ann")))


def stored(at: Services) -> dict[str, str]:
    """The files in the store."""
    return run(pull(at, PullRequest())).files


@pytest.fixture
def shop() -> Services:
    """A store with the shop's files, nothing published."""
    at = services()
    pushed(at, SHOP)
    return at


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
paths = st.sampled_from([*SHOP, "blocks/a.yaml", "blocks/deep/er/b.yaml", "pages/ä ö.yaml"])
folders = st.dictionaries(paths, texts, max_size=8)


@settings(deadline=None)
@given(st.lists(folders, min_size=1, max_size=4))
def test_what_was_pushed_is_pulled(revisions: list[dict[str, str]]) -> None:
    at = services()
    base: dict[str, str] = {}
    for files in revisions:
        base = pushed(at, files, base).base
        assert stored(at) == files
        assert base == {p: hashlib.sha256(t.encode()).hexdigest() for p, t in files.items()}


@settings(deadline=None)
@given(start=folders, mine=folders, theirs=folders.filter(bool))
def test_two_people_never_overwrite_each_other(
    start: dict[str, str], mine: dict[str, str], theirs: dict[str, str]
) -> None:
    at = services()
    base = pushed(at, start).base
    pushed(at, theirs, base)
    both = {
        path
        for path in {*start, *mine, *theirs}
        if mine.get(path) != start.get(path)
        and theirs.get(path) != start.get(path)
        and mine.get(path) != theirs.get(path)
    }
    if both:
        with pytest.raises(Conflict) as caught:
            pushed(at, mine, base)
        assert set(caught.value.value) == both
        assert stored(at) == theirs
        return
    result = pushed(at, mine, base)
    for path in {*start, *mine, *theirs}:
        wanted = mine if mine.get(path) != start.get(path) else theirs
        assert stored(at).get(path) == wanted.get(path)
        assert (path in result.behind) == (mine.get(path) == start.get(path) != theirs.get(path))


def test_only_changes_are_pushed(shop: Services) -> None:
    base = pushed(shop, SHOP).base
    before = run(shop.store.drafts())
    changed = {**SHOP, GOALS: "order: {event: Order Paid}\n", "pages/x.yaml": "x: 1\n"}
    del changed["locales.yaml"]
    result = pushed(shop, changed, base)
    assert (result.written, result.removed) == ((GOALS, "pages/x.yaml"), ("locales.yaml",))
    after = run(shop.store.drafts())
    assert {path for path in before if before[path] != after.get(path)} == {
        GOALS,
        "locales.yaml",
    }


def test_files_that_are_no_workspace_files_are_left_out() -> None:
    at = services()
    pushed(at, {GOALS: "", "../x.yaml": "", "README.md": "", "blocks/../x.yaml": ""})
    assert set(stored(at)) == {GOALS}


@pytest.mark.parametrize("text", ["x" * 1_000_001, "\ud800"])
def test_a_file_that_cannot_be_kept_is_named(text: str) -> None:
    at = services()
    with pytest.raises(BadInput, match=r"goals\.yaml"):
        pushed(at, {GOALS: text, "settings.yaml": ""})
    assert stored(at) == {}


def test_publishing_makes_numbers_with_the_digest_of_the_canonical_json(shop: Services) -> None:
    first = run(publish(shop, PublishRequest(author="ann", message="go")))
    assert (first.number, first.unchanged) == (1, False)
    kept = run(shop.store.snapshot())
    assert kept is not None
    assert kept.author == "ann"
    assert hashlib.sha256(canonical(kept.workspace)).hexdigest() == kept.digest == first.digest
    pushed(shop, {**SHOP, GOALS: SHOP[GOALS] + "paid: {event: Paid}\n"}, pushed(shop, SHOP).base)
    second = run(publish(shop, PublishRequest()))
    assert second.number == 2
    assert [str(change) for change in second.changes] == ["added goals/paid"]


def test_publishing_the_same_again_makes_no_number(shop: Services) -> None:
    first = run(publish(shop, PublishRequest()))
    base = pushed(shop, SHOP).base
    # Comments and the order of documents do not change what a workspace says.
    lines = SHOP["attributes.yaml"].splitlines(keepends=True)
    pushed(shop, {**SHOP, "attributes.yaml": "# sorted\n" + "".join(reversed(lines))}, base)
    again = run(publish(shop, PublishRequest()))
    assert again.unchanged
    assert (again.number, again.digest) == (first.number, first.digest)
    assert len(run(snapshots(shop, SnapshotsRequest())).snapshots) == 1


def test_an_invalid_workspace_is_refused_with_all_faults(shop: Services) -> None:
    run(publish(shop, PublishRequest()))
    base = pushed(shop, SHOP).base
    broken = {
        **SHOP,
        GOALS: "order: [\n",
        "settings.yaml": "nmae: x\n",
        "pages/home.yaml": "path: home\ntitle: Home\nblocks: [hero, note, nothing]\n",
    }
    pushed(shop, broken, base)
    with pytest.raises(InvalidWorkspace) as caught:
        run(publish(shop, PublishRequest()))
    assert [(fault.file, fault.path) for fault in caught.value.faults] == [
        # Without the settings nobody knows what currencies are told in.
        ("currencies.yaml", "USD"),
        (GOALS, ""),
        ("pages/home.yaml", "path"),
        ("pages/home.yaml", "blocks.2"),
        ("settings.yaml", "nmae"),
    ]
    assert run(shop.store.active_number()) == 1
    listed = run(drafts(shop, DraftsRequest()))
    assert listed.faults == caught.value.faults
    assert listed.changes == ()


def test_nothing_to_publish_is_an_error() -> None:
    with pytest.raises(BadInput, match="persx push"):
        run(publish(services(), PublishRequest()))


def test_rolling_back_makes_the_old_one_active_and_keeps_all(shop: Services) -> None:
    run(publish(shop, PublishRequest()))
    base = pushed(shop, SHOP).base
    changed = {**SHOP, "settings.yaml": SHOP["settings.yaml"] + "footer: new\n"}
    pushed(shop, changed, base)
    run(publish(shop, PublishRequest()))
    back = run(rollback(shop, RollbackRequest(number=1)))
    assert (back.number, back.previous) == (1, 2)
    heads = run(snapshots(shop, SnapshotsRequest())).snapshots
    assert [(head.number, head.active) for head in heads] == [(2, False), (1, True)]
    assert stored(shop) == changed
    same = run(rollback(shop, RollbackRequest(number=1)))
    assert (same.number, same.previous) == (1, 1)
    third = run(publish(shop, PublishRequest()))
    assert (third.number, third.unchanged) == (3, False)
    with pytest.raises(NotFound, match="9"):
        run(rollback(shop, RollbackRequest(number=9)))


def test_drafts_say_what_publishing_would_change(shop: Services) -> None:
    run(publish(shop, PublishRequest()))
    assert run(drafts(shop, DraftsRequest())).changes == ()
    base = pushed(shop, SHOP).base
    pushed(shop, {**SHOP, "settings.yaml": "{name: Shop, currency: EUR}\n"}, base)
    listed = run(drafts(shop, DraftsRequest()))
    assert (listed.active, [str(each) for each in listed.changes]) == (1, ["changed settings"])
    assert {draft.author for draft in listed.drafts} == {"ann"}


def test_all_of_it_outlives_the_process(tmp_path: Path) -> None:
    at = services(tmp_path)
    pushed(at, SHOP)
    result = run(publish(at, PublishRequest()))
    run(at.warehouse.close())
    run(at.store.close())
    again = services(tmp_path)
    kept = run(again.store.snapshot())
    assert kept is not None
    assert (kept.number, kept.digest) == (result.number, result.digest)
    assert isinstance(kept.workspace, Workspace)
    assert stored(again) == SHOP
    run(again.warehouse.close())
    run(again.store.close())


def test_requests_and_results_can_be_sent_to_a_server(shop: Services) -> None:
    for case in USE_CASES:
        empty = {"push": {"files": {}}, "rollback": {"number": 1}}.get(case.name, {})
        request = msgspec.convert(empty, case.request)
        assert msgspec.json.decode(msgspec.json.encode(request), type=case.request) == request
    result = run(publish(shop, PublishRequest()))
    assert msgspec.json.decode(msgspec.json.encode(result), type=type(result)) == result
