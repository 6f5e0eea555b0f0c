"""A block that learns: who is drawn, what is learned from whom, and what happens when it breaks."""

from __future__ import annotations

import math
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.app.deciding import Preview, current_plan, decide_for
from persx.app.erasing import erase
from persx.app.learning import (
    activate_learned,
    learn,
    learn_when_due,
    show_learning,
    stop_learning,
)
from persx.app.learnings import LearnRequest
from persx.app.receipts import receipt_for
from persx.app.reports import ReportRequest, report
from persx.experiments.probabilities import chances, decode, encode, lanes_for
from persx.model.artifact import PROBABILITIES
from persx.model.clock import DAY
from persx.model.decision import Reason
from persx.model.errors import Conflict, NotFound, Unreadable
from persx.model.event import Event, EventType
from persx.storage.scope import Bearer
from tests.learning.conftest import HERO, NOW, Site, files

pytestmark = pytest.mark.anyio


async def shown(site: Site, count: int, **traits: str) -> Counter[str]:
    """Let visitors come; count what they see, held-out visitors as `held_out`."""
    found: Counter[str] = Counter()
    for number in range(count):
        who = f"v{number}"
        if traits:
            await site.say(who, **traits)
        decision = await site.see(who)
        found[decision.variant if decision.reason is Reason.LEARNED else "held_out"] += 1
    return found


async def publish(site: Site, shares: dict[str, float]) -> int:
    """Publish these shares as if they had been learned."""
    before = (await site.services.artifacts.get(PROBABILITIES, "hero")) or None
    assert before is not None
    found = decode(before.body)
    cell = msgspec.structs.replace(found.overall, shares=shares)
    number = await site.services.artifacts.put(
        PROBABILITIES,
        "hero",
        encode(msgspec.structs.replace(found, overall=cell, cells=())),
        origin=before.head.origin,
        meta=before.head.meta,
    )
    await site.services.artifacts.activate(PROBABILITIES, "hero", number, now=site.now)
    await site.services.refresh()
    return number


async def test_before_anything_is_published_the_rules_alone_choose(site: Site) -> None:
    decided = await site.decide("v1")
    (hero, _) = decided.decision.decisions
    assert (hero.variant, hero.reason, hero.propensity) == ("short", Reason.TARGETED, 1.0)
    assert decided.decision.artifacts == {}
    assert decided.decision.assignments == ()
    receipt = await receipt_for(
        site.services, decided.decision.id, Bearer(site.visitor("v1").identity, True)
    )
    assert receipt.blocks["hero"].learning == "unused"


async def test_the_first_publication_shows_all_that_is_eligible_alike_often(site: Site) -> None:
    await learn(site.services, LearnRequest())
    found = await shown(site, 600)
    # saas needs an industry that nobody said.
    assert found.keys() == {"short", "long", "held_out"}
    assert found["held_out"] == pytest.approx(60, abs=35)
    assert found["short"] == pytest.approx(found["long"], abs=100)


async def test_the_propensity_is_how_often_it_happens(site: Site) -> None:
    await learn(site.services, LearnRequest())
    await publish(site, {"short": 0.7, "long": 0.2, "saas": 0.1})
    told: dict[str, float] = {}
    found: Counter[str] = Counter()
    for number in range(3_000):
        (hero, _) = (await site.decide(f"w{number}")).decision.decisions
        if hero.reason is Reason.LEARNED:
            found[hero.variant] += 1
            told[hero.variant] = hero.propensity
    # Renormalised without saas, then a tenth for exploring: .9 × .7/.9 + .05, .9 × .2/.9 + .05.
    assert told == {"short": pytest.approx(0.75), "long": pytest.approx(0.25)}
    drawn = found.total()
    for variant, probability in told.items():
        error = math.sqrt(probability * (1 - probability) / drawn)
        assert found[variant] / drawn == pytest.approx(probability, abs=5 * error)


async def test_a_visitor_keeps_the_variant_and_as_few_as_can_be_move(site: Site) -> None:
    await learn(site.services, LearnRequest())
    await publish(site, {"short": 0.5, "long": 0.5, "saas": 0.0})
    before = {f"k{n}": (await site.decide(f"k{n}")).decision.decisions[0] for n in range(1_500)}
    again = {who: (await site.decide(who)).decision.decisions[0] for who in before}
    assert {w: d.variant for w, d in before.items()} == {w: d.variant for w, d in again.items()}
    await publish(site, {"short": 0.3, "long": 0.7, "saas": 0.0})
    moved = Counter[tuple[str, str]]()
    for who, old in before.items():
        new = (await site.decide(who)).decision.decisions[0]
        if new.variant != old.variant:
            moved[old.variant, new.variant] += 1
    # Only from what lost ground to what gained: .9 × .2 of those who are drawn.
    assert moved.keys() == {("short", "long")}
    assert moved.total() / (0.9 * len(before)) == pytest.approx(0.18, abs=0.05)


async def test_a_new_variant_moves_only_those_who_get_it(site: Site) -> None:
    await learn(site.services, LearnRequest())
    before = {f"k{n}": (await site.decide(f"k{n}")).decision.decisions[0] for n in range(600)}
    # It comes first in the file, and draws with a lane of its own.
    bold = "variants:\n  bold: {content: {headline: B}}\n"
    await site.serve(files(HERO.replace("variants:\n", bold)))
    await learn(site.services, LearnRequest())
    after = {who: (await site.decide(who)).decision.decisions[0] for who in before}
    drawn = {who for who, each in after.items() if each.reason is Reason.LEARNED}
    changed = {who for who in drawn if after[who].variant != before[who].variant}
    assert {after[who].variant for who in changed} == {"bold"}
    assert len(changed) / len(drawn) == pytest.approx(1 / 3, abs=0.08)


async def test_what_works_is_shown_more_and_exploration_holds(site: Site) -> None:
    await learn(site.services, LearnRequest())
    for number in range(500):
        who = f"v{number}"
        decision = await site.see(who)
        if number % 10 < (5 if decision.variant == "long" else 1):
            await site.sign_up(who)
    await site.day_passes()
    found = await learn(site.services, LearnRequest())
    assert found.learned_from.visitors + found.learned_from.held_out == 500
    decisions = [(await site.decide(f"n{n}")).decision.decisions[0] for n in range(300)]
    told = {each.variant: each.propensity for each in decisions if each.reason is Reason.LEARNED}
    assert told["long"] > 0.9
    assert told["short"] >= 0.05 - 1e-9
    readout = await report(site.services, ReportRequest(name="learn:hero"))
    assert readout.arms["learned"].n == found.learned_from.visitors
    assert readout.arms["held_out"].n == found.learned_from.held_out
    assert not readout.srm.mismatch


async def test_who_is_held_out_teaches_nothing(site: Site) -> None:
    await learn(site.services, LearnRequest())
    for number in range(400):
        who = f"v{number}"
        decision = await site.see(who)
        # Held-out visitors alone sign up; they all saw “short”.
        if decision.arms["learn:hero"] == "held_out":
            assert decision.variant == "short"
            await site.sign_up(who)
    await site.day_passes()
    found = await learn(site.services, LearnRequest())
    assert found.learned_from.held_out > 20
    assert found.learned_from.reached == 0


async def test_an_outcome_counts_within_the_window_and_late_ones_in_the_next(site: Site) -> None:
    await learn(site.services, LearnRequest())
    drawn = []
    for number in range(60):
        if (await site.see(f"v{number}")).reason is Reason.LEARNED:
            drawn.append(f"v{number}")
    early = await learn(site.services, LearnRequest())
    assert (early.learned_from.visitors, early.learned_from.waiting) == (0, len(drawn))
    start = site.now
    await site.day_passes()
    await site.sign_up(drawn[0])  # after its window
    assert (await learn(site.services, LearnRequest())).learned_from.reached == 0
    await site.sign_up(drawn[1], at=start + DAY - 1)  # within it, told late
    await site.sign_up(drawn[2], at=start + 1)
    await site.sign_up(drawn[2], at=start + 2)  # once a visitor
    late = await learn(site.services, LearnRequest())
    assert (late.learned_from.visitors, late.learned_from.reached) == (len(drawn), 2)


async def test_what_was_not_confirmed_teaches_nothing(site: Site) -> None:
    await learn(site.services, LearnRequest())
    for number in range(30):
        await site.see(f"v{number}", confirmed=False)
    await site.day_passes()
    assert (await learn(site.services, LearnRequest())).learned_from.visitors == 0


async def test_nobody_is_believed_who_names_anothers_decision(site: Site) -> None:
    await learn(site.services, LearnRequest())
    decision = (await site.decide("honest")).decision
    forged = Event(
        type=EventType.TRACK,
        message_id="forged",
        anonymous_id="mallory",
        name="Experiment Viewed",
        timestamp=site.now,
        received=site.now,
        properties={
            "experiment_id": "learn:hero",
            "variation_id": "learned",
            "decision_id": decision.id,
        },
    )
    from persx.app.collecting import collect

    await collect(site.services, [forged])
    await site.day_passes()
    told = (await learn(site.services, LearnRequest())).learned_from
    assert told.visitors == 0
    assert told.left_out == {"whose decision the log does not have": 1}


async def test_an_edited_variant_begins_anew(site: Site) -> None:
    await learn(site.services, LearnRequest())
    found = await shown(site, 100)
    await site.serve(files(HERO.replace("Long and slow", "Long and fast")))
    await site.day_passes()
    told = (await learn(site.services, LearnRequest())).learned_from
    assert told.visitors == found["short"]
    assert told.left_out == {"who saw a variant before it was edited": found["long"]}


async def test_the_erased_are_not_learned_from(site: Site) -> None:
    await learn(site.services, LearnRequest())
    drawn = [f"v{n}" for n in range(20) if (await site.see(f"v{n}")).reason is Reason.LEARNED]
    await site.services.decision_log.flush(site.services.store)
    await erase(site.services, [site.visitor(drawn[0]).identity])
    await site.day_passes()
    told = (await learn(site.services, LearnRequest())).learned_from
    assert told.visitors == len(drawn) - 1


@pytest.mark.parametrize("refused", ["necessary", "analytics"])
async def test_without_consent_nobody_is_drawn(site: Site, refused: str) -> None:
    await learn(site.services, LearnRequest())
    from persx.decide.engine import decide
    from persx.model.visitor import Profile

    plan = current_plan(site.services)
    for number in range(40):
        profile = Profile(
            bucketing_id=f"a:{number}",
            storable=refused != "necessary",
            measurable=refused != "analytics",
        )
        decision = decide(
            plan, plan.pages["home"], profile, {}, NOW, learned=site.services.models.learned(plan)
        )
        assert decision.decisions[0].variant == "short"
        assert decision.decisions[0].reason is Reason.TARGETED
        assert decision.artifacts == {}
        assert decision.assignments == ()


async def test_a_preview_draws_nothing(site: Site) -> None:
    await learn(site.services, LearnRequest())
    plan = current_plan(site.services)
    for number in range(20):
        decided = await decide_for(
            site.services, site.visitor(f"p{number}"), plan=plan, page=plan.pages["home"],
            context={}, preview=Preview(),
        )  # fmt: skip
        assert decided.decision.decisions[0].variant == "short"


async def test_a_damaged_publication_lets_the_one_before_stand_in(site: Site) -> None:
    await learn(site.services, LearnRequest())
    number = await site.services.artifacts.put(
        PROBABILITIES,
        "hero",
        b'{"not": "probabilities"}',
        origin=(await site.services.artifacts.heads(PROBABILITIES, "hero"))[0].origin,
        meta={"goal": "signup", "window": "1d"},
    )
    await site.services.artifacts.activate(PROBABILITIES, "hero", number, now=site.now)
    await site.services.refresh()
    decided = await site.decide("v1")
    assert decided.decision.artifacts == {"probabilities/hero": 1}
    # After a start nothing was read before.
    from persx.app.models import Models

    site.services.models = Models()
    await site.services.refresh()
    assert (await site.decide("v1")).decision.artifacts == {"probabilities/hero": 1}
    with pytest.raises(Unreadable):
        await activate_learned(site.services, LearnRequest(number=number))


async def test_other_attributes_make_a_publication_useless_until_the_next(site: Site) -> None:
    await learn(site.services, LearnRequest())
    await site.serve(files(HERO.replace("by: [industry]", "by: [device]")))
    (hero, _) = (await site.decide("v1")).decision.decisions
    assert (hero.variant, hero.reason) == ("short", Reason.TARGETED)
    with pytest.raises(Conflict, match="'industry'"):
        await activate_learned(site.services, LearnRequest(number=1))
    await learn_when_due(site.services)
    assert site.services.models.probabilities["hero"][0] == 2


async def test_the_schedule_learns_and_stopping_stops_it(site: Site) -> None:
    await learn_when_due(site.services)
    await learn_when_due(site.services)
    (block,) = (await show_learning(site.services, LearnRequest())).blocks
    assert [each.number for each in block.published] == [1]
    site.now += DAY
    await learn_when_due(site.services)
    assert site.services.models.probabilities["hero"][0] == 2
    stopped = await stop_learning(site.services, LearnRequest())
    assert (stopped.active, stopped.stopped) == (0, True)
    site.now += 5 * DAY
    await learn_when_due(site.services)
    assert (await site.decide("v1")).decision.decisions[0].reason is Reason.TARGETED
    again = await activate_learned(site.services, LearnRequest(number=1))
    assert (again.active, again.stopped) == (1, False)


async def test_two_who_learn_at_once_do_not_both(site: Site) -> None:
    await site.services.store.lease("learn/hero", "somebody", site.now + DAY, site.now)
    with pytest.raises(Conflict, match="already"):
        await learn(site.services, LearnRequest())
    await learn_when_due(site.services)
    (block,) = (await show_learning(site.services, LearnRequest())).blocks
    assert block.published == ()
    assert "already" in block.tried


async def test_unknown_blocks_are_told(site: Site) -> None:
    with pytest.raises(NotFound, match="Did you mean 'hero'"):
        await learn(site.services, LearnRequest(block="heros"))
    with pytest.raises(NotFound, match="Nothing was published"):
        await activate_learned(site.services, LearnRequest(number=9))


async def test_the_receipt_tells_how_it_was_chosen(site: Site) -> None:
    await learn(site.services, LearnRequest())
    told: dict[str, str] = {}
    for number in range(60):
        who = f"v{number}"
        decision = (await site.decide(who)).decision
        scope = Bearer(site.visitor(who).identity, True)
        receipt = await receipt_for(site.services, decision.id, scope)
        assert receipt.artifacts == {"probabilities/hero": 1}
        told[receipt.blocks["hero"].learning] = receipt.blocks["hero"].reason.value
    assert told == {"drawn": "learned", "held_out": "targeted"}


def test_a_share_that_is_hardly_a_number_is_renormalised_too() -> None:
    assert chances({"a": 1.0, "b": 5e-324}, 0.5, ["b"]) == {"b": 1.0}


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 1), min_size=1),
    st.floats(0.01, 1),
    st.data(),
)
def test_probabilities_add_up_and_explore(
    raw: dict[str, float], exploration: float, data: st.DataObject
) -> None:
    total = sum(raw.values())
    shares = {name: each / total if total > 0 else 1 / len(raw) for name, each in raw.items()}
    eligible = data.draw(
        st.lists(st.sampled_from(sorted(shares)), min_size=1, unique=True), label="eligible"
    )
    found = chances(shares, exploration, eligible)
    assert math.isclose(sum(found.values()), 1, abs_tol=1e-9)
    assert all(each >= exploration / len(eligible) - 1e-12 for each in found.values())


@given(st.lists(st.sampled_from("abcdefgh"), unique=True), st.data())
def test_lanes_are_kept_and_never_shared(names: list[str], data: st.DataObject) -> None:
    before = lanes_for(data.draw(st.lists(st.sampled_from("abcdefgh"), unique=True)), {})
    after = lanes_for(names, before)
    assert len(set(after.values())) == len(names)
    assert all(after[name] == before[name] for name in names if name in before)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"block": "hero"}',
        b'{"block":"h","learner":"x","by":[],"exploration":0.1,"lanes":{"a":0,"b":0},'
        b'"overall":{"context":[],"shares":{"a":1,"b":0}}}',
        b'{"block":"h","learner":"x","by":[],"exploration":0.1,"lanes":{"a":0},'
        b'"overall":{"context":[],"shares":{"a":0.5}}}',
        b'{"block":"h","learner":"x","by":[],"exploration":0,"lanes":{"a":0},'
        b'"overall":{"context":[],"shares":{"a":1}}}',
        b'{"block":"h","learner":"x","by":["i"],"exploration":0.1,"lanes":{"a":0},'
        b'"overall":{"context":[],"shares":{"a":1}},"cells":[{"context":[],"shares":{"a":1}}]}',
        b'{"block":"h","learner":"x","by":[],"exploration":0.1,"lanes":{"a":1000000000},'
        b'"overall":{"context":[],"shares":{"a":1}}}',
    ],
)
def test_what_is_no_probabilities_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(body)
