"""The engine in process draws by what blocks have learned as the server does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

import persx
from persx.app.deciding import current_plan
from persx.app.learning import LEARN_SHOW, learn
from persx.app.learnings import LearnRequest
from persx.model.decision import Reason
from persx.model.errors import BadInput
from tests.learning.conftest import Site, opened

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A site whose hero has learned that the long one works, for SaaS above all."""
    async with opened(Site()) as made:
        await learn(made.services, LearnRequest())
        for number in range(200):
            who = f"v{number}"
            if number % 2:
                await made.say(who, industry="SaaS")
            if (await made.see(who)).variant == "long":
                await made.sign_up(who)
        await made.day_passes()
        await learn(made.services, LearnRequest())
        yield made


async def shown(site: Site) -> bytes:
    """What `persx learn show --json` prints."""
    return msgspec.json.encode(await LEARN_SHOW.run(site.services, LearnRequest()))


async def test_the_same_visitor_gets_the_same_with_the_same_propensity(site: Site) -> None:
    snapshot = current_plan(site.services).snapshot
    engine = persx.Engine(snapshot, learned=await shown(site))
    propensities, variants = set(), set()
    for number in range(400):
        who, industry = f"n{number}", ("SaaS", "Healthcare", None)[number % 3]
        if industry:
            await site.say(who, industry=industry)
        server = (await site.decide(who)).decision
        own = engine.decide(
            "home",
            anonymous_id=who,
            attributes={"industry": industry} if industry else {},
            now=site.now,
        )
        assert own.decisions == server.decisions
        assert own.assignments == server.assignments
        assert own.artifacts == server.artifacts == {"probabilities/hero": 2}
        hero = own.decisions[0]
        propensities.add(hero.propensity)
        variants.add((hero.variant, hero.reason))
    assert len(propensities) > 3
    assert {name for name, reason in variants if reason is Reason.LEARNED} == {
        "short", "long", "saas",
    }  # fmt: skip


async def test_what_is_published_later_is_taken_up_and_off_is_off(site: Site) -> None:
    engine = persx.Engine(current_plan(site.services).snapshot)
    assert engine.decide("home", anonymous_id="a").artifacts == {}
    assert engine.use_learned(await shown(site)) == ("hero",)
    assert engine.decide("home", anonymous_id="a").artifacts == {"probabilities/hero": 2}
    # Whoever has no id is not drawn.
    assert engine.decide("home").decisions[0].reason is Reason.TARGETED
    told: dict[str, Any] = json.loads(await shown(site))
    told["blocks"][0]["active"] = 0
    assert engine.use_learned(json.dumps(told)) == ()
    assert engine.decide("home", anonymous_id="a").artifacts == {}


async def test_what_is_none_is_refused_and_what_was_used_stays(site: Site) -> None:
    text = await shown(site)
    engine = persx.Engine.from_json(
        msgspec.json.encode(current_plan(site.services).snapshot), learned=text
    )
    told: dict[str, Any] = json.loads(text)
    broken = json.loads(text)
    cell = broken["blocks"][0]["published"][0]["probabilities"]["overall"]
    cell["shares"] = dict.fromkeys(cell["shares"], 0.9)
    bare = json.loads(text)
    del bare["blocks"][0]["published"][0]["probabilities"]
    for wrong, words in (
        ("{}", "learn show --json"),
        (b"\xff", "not what blocks"),
        (json.dumps(broken), "add up to"),
        (json.dumps(bare), "tells no probabilities"),
    ):
        with pytest.raises(BadInput) as refused:
            engine.use_learned(wrong)
        assert words in f"{refused.value} {refused.value.hint}"
    assert engine.decide("home", anonymous_id="a").artifacts == {"probabilities/hero": 2}
    told["blocks"][0]["published"][0]["probabilities"]["by"] = ["persona"]
    assert engine.use_learned(json.dumps(told)) == ()
