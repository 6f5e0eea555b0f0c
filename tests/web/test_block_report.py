"""Block by block: what was randomised has a lift, the rest is described, over HTTP visits."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from persx.app.access import make_link
from persx.app.block_reports import BLOCK_REPORT, BlocksRequest
from persx.experiments.block_lifts import Basis, BlockLift, BlockLifts, VariantShare
from persx.experiments.readout import Pli
from persx.web.admin.blocks import blocks_view
from tests.web.test_live_report_of_visitors import Person

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(client: Any) -> Any:
    """The application of the `client` fixture, for more than one browser."""
    return client._transport.app


async def blocks(services: Any) -> dict[str, BlockLift]:
    await services.decision_log.flush(services.store)
    found = await BLOCK_REPORT.run(services, BlocksRequest())
    return {each.block: each for each in found.blocks}


async def hold_out(services: Any, block: str, share: float) -> None:
    """Publish the served workspace with a holdout of a block."""
    snapshot = await services.store.snapshot()
    held = msgspec.structs.replace(snapshot.workspace.blocks[block], holdout=share)
    workspace = msgspec.structs.replace(
        snapshot.workspace, blocks={**snapshot.workspace.blocks, block: held}
    )
    await services.store.publish(msgspec.structs.replace(snapshot, workspace=workspace))
    await services.publication.refresh(services.store)


def seen(block: BlockLift) -> dict[str, tuple[int, int]]:
    return {each.variant: (each.visitors, each.reached) for each in block.variants}


async def test_what_was_seen_is_described_and_nothing_more(app: Any, services: Any) -> None:
    silent = Person(app)
    await silent.says("SaaS")
    await silent.opens(confirm=False)
    assert all(not each.variants for each in (await blocks(services)).values())
    people = [Person(app) for _ in range(3)]
    for person in people:
        await person.says("SaaS")
        await person.opens()
        await person.opens()
    found = (await blocks(services)).values()
    shown = {block.block: seen(block) for block in found if block.variants}
    assert shown
    assert all(sum(n for n, _ in variants.values()) == 3 for variants in shown.values())
    assert all(reached == 0 for variants in shown.values() for _, reached in variants.values())
    await people[0].writes()
    again = {each.block: seen(each) for each in (await blocks(services)).values()}
    for block in shown:
        assert sum(reached for _, reached in again[block].values()) == 1
    assert all(each.basis is Basis.DESCRIPTIVE and not each.pli for each in found)


async def test_a_block_with_a_holdout_has_a_lift_of_its_own(
    app: Any, client: Any, services: Any
) -> None:
    plan = services.publication.plan
    name = next(
        each.name
        for each in plan.pages["home"].blocks
        if any("SaaS" in branch.when for branch in each.branches)
    )
    await hold_out(services, name, 0.5)
    for _ in range(12):
        person = Person(app)
        await person.says("SaaS")
        await person.opens()
    found = (await blocks(services))[name]
    assert (found.basis, found.experiment) == (Basis.HOLDOUT, f"holdout:{name}")
    (pli,) = found.pli
    assert pli.arm == "targeted"
    assert pli.n + pli.control_n > 0
    assert pli.withheld
    await client.get(await make_link(services))
    page = await client.get("/admin/blocks")
    assert page.status_code == 200
    assert "against its own holdout" in page.text
    assert f"/admin/report/holdout%3A{name}" in page.text
    assert (await client.get(f"/admin/report/holdout%3A{name}")).status_code == 200


def test_the_page_puts_measured_blocks_first() -> None:
    pli = Pli(
        arm="targeted", metric="m", lift=0.2, low=0.1, high=0.3, p=0.01,
        total=60, n=1_000, control_total=50, control_n=1_000,
    )  # fmt: skip
    shares = [
        VariantShare(variant="<b>", visitors=200, reached=20),
        VariantShare(variant="default", visitors=100, reached=5),
        VariantShare(variant="never", visitors=0, reached=0),
    ]
    view = blocks_view(
        "Shop",
        BlockLifts(
            blocks=[
                BlockLift(block="a", basis=Basis.DESCRIPTIVE, variants=shares),
                BlockLift(block="b", basis=Basis.EXPERIMENT, experiment="x", pli=[pli]),
                BlockLift(block="c", basis=Basis.DESCRIPTIVE),
            ],
            goal="Order",
            as_of="2026-11-22T06:00:00.000Z",
        ),
    )
    assert [each.name for each in view.measured] == ["b"]
    assert view.measured[0].lifts[0].verdict == "better"
    assert [each.name for each in view.described] == ["a"]
    assert [(each.rate, each.width) for each in view.described[0].variants] == [
        ("10.00%", 100.0), ("5.00%", 50.0), ("–", 0.0),
    ]  # fmt: skip
    assert view.unseen == ("c",)
