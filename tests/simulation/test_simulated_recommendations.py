"""Simulated people click on what is recommended; an experiment tells which pipeline is better."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from persx.app.audit import perform
from persx.app.home import open_home
from persx.app.publishing import PUBLISH, PUSH, PublishRequest, PushRequest
from persx.app.recommendation_reports import RecommendationsRequest, recommendation_report
from persx.app.reports import ReportRequest, report
from persx.app.settings import ServerSettings
from persx.app.simulated_tastes import GOES_WITH, LIKED, OTHER, Taste
from persx.app.simulation import simulate
from persx.demo import demo_folder
from persx.model.item import Item, ItemId
from persx.model.simulation import Simulation
from persx.model.staff import Actor
from persx.testing import see
from persx.workspace.documents import read_folder

pytestmark = pytest.mark.anyio

NOW = 1_795_773_600_000
EVENTS = "select name, properties from events where type = 'track' order by sequence"
EXPERIMENT = """
description: Is what suits the product better than what does not?
blocks: [goes-with]
goals: [order]
metrics: [recommendation_click_through]
arms:
  suits: {show: {goes-with: default}}
  apart: {show: {goes-with: apart}}
"""
APART = {
    "sources": [{"recommender": "popularity"}],
    "rules": [{"do": "include", "when": 'item.category_path == "Nutrition"'}],
}


def files() -> dict[str, str]:
    """Return the shop, with an experiment between two pipelines of one block."""
    found = dict(read_folder(demo_folder("shop")))
    pipelines = yaml.safe_load(found["pipelines.yaml"])
    found["pipelines.yaml"] = yaml.safe_dump({**pipelines, "apart": APART})
    block = yaml.safe_load(found["blocks/goes-with.yaml"])
    block["variants"] = {"apart": {"when": "hour < 0", "content": {"pipeline": "apart"}}}
    found["blocks/goes-with.yaml"] = yaml.safe_dump(block)
    found["experiments/goes-with-or-not.yaml"] = EXPERIMENT
    return found


@pytest.fixture
async def shop() -> AsyncIterator[Any]:
    settings = ServerSettings(store="memory", write_key="w", server_key="s")
    async with open_home(None, settings, clock=lambda: NOW) as opened:
        me = Actor("test")
        await perform(opened, PUSH, PushRequest(files=files(), base={}, author="test"), me)
        await perform(opened, PUBLISH, PublishRequest(author="test", message="A test"), me)
        await opened.publication.refresh(opened.store)
        yield opened


async def test_an_experiment_between_two_pipelines(shop: Any) -> None:
    done = await simulate(shop, Simulation(visitors=250, days=10, tended=False))
    assert done.clicks > 0
    readout = await report(shop, ReportRequest(name="goes-with-or-not"))
    assert set(readout.arms) == {"suits", "apart"}
    figures = {
        name: arm.metrics["recommendation_click_through"] for name, arm in readout.arms.items()
    }
    assert all(arm.n > 50 for arm in readout.arms.values())
    worse = figures["apart"]
    assert worse.lift is not None
    assert worse.low is not None
    assert worse.high is not None
    # Who wants shoes is offered gels: nobody has to wonder which is better.
    assert worse.lift < 0
    assert worse.low < worse.lift < worse.high
    found = await recommendation_report(shop, RecommendationsRequest())
    lines = {(line.block, line.pipeline): line for line in found.lines}
    suits, apart = lines["goes-with", "goes-with"], lines["goes-with", "apart"]
    assert suits.rate is not None
    assert apart.rate is not None
    assert suits.rate > apart.rate > 0
    assert sum(line.clicks for line in found.lines) == done.clicks
    rows = (await see(shop.warehouse).query(EVENTS, {})).rows
    seen = [json.loads(row[1]) for row in rows if row[0] == "Recommendations Viewed"]
    assert sum(line.views for line in found.lines) == len(seen)


async def test_orders_count_for_the_last_click_on_their_items(shop: Any) -> None:
    done = await simulate(shop, Simulation(visitors=250, days=10, tended=False))
    rows = (await see(shop.warehouse).query(EVENTS, {})).rows
    bought = [json.loads(row[1])["products"] for row in rows if row[0] == "Order Completed"]
    assert len(bought) == done.conversions["order"]
    assert all(products for products in bought)
    week = await recommendation_report(shop, RecommendationsRequest())
    day = await recommendation_report(shop, RecommendationsRequest(days=1))
    assert 0 < sum(line.items for line in day.lines) <= sum(line.items for line in week.lines)
    assert sum(line.orders for line in week.lines) <= sum(line.items for line in week.lines)
    prices = {each["product_id"]: each["price"] for products in bought for each in products}
    assert sum(line.revenue for line in week.lines) <= sum(prices.values()) * len(bought)


SHOES = Item(id=ItemId("shoes"), category=("Shoes",))
SOCKS = Item(id=ItemId("socks"), category=("Socks",), tags=("Shoes",))


def test_tastes_follow_from_the_number_alone() -> None:
    for number in range(50):
        one, same = (Taste(1, number, "", [SHOES, SOCKS]) for _ in range(2))
        assert [one.looks_at() for _ in range(5)] == [same.looks_at() for _ in range(5)]
        assert {one.wants(SHOES), one.wants(SOCKS)} in ({LIKED, GOES_WITH}, {LIKED, OTHER})


def test_what_is_wanted_is_clicked_more() -> None:
    clicked = {SHOES.id: 0, SOCKS.id: 0}
    for number in range(4_000):
        taste = Taste(1, number, "", [SHOES, SOCKS])
        if taste.wants(SHOES) == LIKED:
            for item in (SHOES, SOCKS):
                clicked[item.id] += taste.clicks([item]) is not None
    assert clicked[SHOES.id] > clicked[SOCKS.id] > 0


def test_nothing_to_want_is_nothing_to_do() -> None:
    taste = Taste(1, 1, "SaaS", [])
    assert taste.looks_at() == ()
    assert taste.clicks([]) is None
    assert taste.takes() == []
