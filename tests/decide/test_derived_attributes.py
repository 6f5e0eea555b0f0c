"""Derived attributes: the first case that holds, of what the visitor allows to be used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.app.explaining import explain_rule
from persx.decide.compilation import compile_snapshot
from persx.decide.engine import decide
from persx.decide.plan import Plan
from persx.decide.uses import uses
from persx.model.attribute import Purpose, Source
from persx.model.visitor import Fact, IdentityState, Profile
from persx.model.workspace import Snapshot
from persx.workspace.snapshot import digest
from persx.workspace.validation import check

FILES = {
    "settings.yaml": "name: Shop\nholdout: {share: 0}",
    "attributes.yaml": """
spent: {type: number, purpose: personalization}
opened: {type: number, purpose: marketing}
tier:
  source: derived
  purpose: personalization
  cases: {gold: spent >= 1000, silver: spent >= 300, none: spent >= 0}
score:
  type: number
  source: derived
  purpose: personalization
  cases: {3: 'tier == "gold"', 2: in_audience("good-customers"), 1: ""}
reachable:
  type: boolean
  source: derived
  purpose: marketing
  cases: {true: opened > 2, false: known(opened)}
channel:
  source: derived
  purpose: personalization
  cases: {email: reachable and score >= 2}
unread: {source: derived, kept_for: tests, cases: {x: spent > 1}}
""",
    "audiences.yaml": 'good-customers: tier == "silver"',
    "pages/home.yaml": "path: /\ntitle: Home\nblocks: [offer, mail]",
    "blocks/offer.yaml": """
type: rich_text
content: {html: <p>Hello</p>}
variants:
  best: {when: score == 3, content: {html: <p>Best</p>}}
  good: {when: 'tier == "silver"', content: {html: <p>Good</p>}}
""",
    "blocks/mail.yaml": """
type: rich_text
content: {html: <p>News</p>}
variants:
  mail: {when: 'channel == "email"', content: {html: <p>By mail</p>}}
""",
}
EVERYTHING = frozenset(Purpose)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compiled(FILES)


def compiled(files: dict[str, str]) -> Plan:
    workspace, faults = check(files)
    assert workspace is not None, faults
    return compile_snapshot(
        Snapshot(
            number=1, digest=digest(b""), published=0, author="", message="", workspace=workspace
        )
    )


def profile(plan: Plan, granted: frozenset[Purpose] = EVERYTHING, **facts: float) -> Profile:
    state = IdentityState(
        identity="a:v", events=1, facts={name: Fact(value, 1) for name, value in facts.items()}
    )
    return plan.assembler.assemble([state], 10, granted=granted)


def shown(plan: Plan, granted: frozenset[Purpose] = EVERYTHING, **facts: float) -> dict[str, str]:
    page = plan.pages["home"]
    state = IdentityState(
        identity="a:v", events=1, facts={name: Fact(value, 1) for name, value in facts.items()}
    )
    known = page.assembler.assemble([state], 10, granted=granted)
    made = decide(plan, page, known, {}, 10)
    assert not made.errors
    return {each.block: f"{each.variant}/{each.reason.value}" for each in made.decisions}


def test_the_first_case_that_holds_gives_the_value(plan: Plan) -> None:
    assert profile(plan, spent=5_000).attributes["tier"] == "gold"
    assert profile(plan, spent=300).attributes["tier"] == "silver"
    assert "tier" not in profile(plan).attributes
    known = profile(plan, spent=400, opened=3)
    assert known.attributes["score"] == 2
    assert known.attributes["reachable"] is True
    assert known.attributes["channel"] == "email"
    assert known.sources["tier"] is Source.DERIVED


def test_the_last_case_may_always_hold(plan: Plan) -> None:
    assert profile(plan).attributes["score"] == 1


def test_it_chooses_content_and_reads_what_its_cases_read(plan: Plan) -> None:
    assert shown(plan, spent=2_000) == {
        "offer": "best/targeted", "mail": "default/no_match"
    }  # fmt: skip
    assert shown(plan, spent=400, opened=3)["mail"] == "mail/targeted"
    assert plan.blocks["mail"].reads >= {"channel", "reachable", "score", "opened", "spent", "tier"}


def test_only_what_the_page_reads_is_evaluated(plan: Plan) -> None:
    page = plan.pages["home"]
    state = IdentityState(identity="a:v", events=1, facts={"spent": Fact(500, 1)})
    known = page.assembler.assemble([state], 10, granted=EVERYTHING)
    assert "unread" not in known.attributes
    assert profile(plan, spent=500).attributes["unread"] == "x"


def test_what_follows_from_something_withheld_is_unknown(plan: Plan) -> None:
    without_marketing = frozenset({Purpose.NECESSARY, Purpose.PERSONALIZATION})
    known = profile(plan, without_marketing, spent=400, opened=3)
    assert known.attributes["score"] == 2
    assert {"reachable", "channel"}.isdisjoint(known.attributes)
    assert known.withheld["channel"] is Purpose.MARKETING
    assert shown(plan, without_marketing, spent=400, opened=3)["mail"] == "default/no_consent"
    nothing = profile(plan, frozenset({Purpose.NECESSARY}), spent=400, opened=3)
    assert nothing.attributes == {}


def test_what_is_not_folded_yet_decides_nothing() -> None:
    files = {
        **FILES,
        "attributes.yaml": """
orders: {type: number, source: computed, compute: {kind: count, event: Order Completed}}
stage: {source: derived, cases: {customer: orders > 0, visitor: ""}}
""",
        "audiences.yaml": 'visitors: stage == "visitor"',
        "blocks/offer.yaml": "type: rich_text\ncontent: {html: <p>Hello</p>}",
        "blocks/mail.yaml": "type: rich_text\ncontent: {html: <p>Hello</p>}",
    }
    made = compiled(files)
    state = IdentityState(identity="a:v", events=1)
    folding = made.assembler.assemble([state], 10, granted=EVERYTHING, ready=frozenset())
    assert "stage" not in folding.attributes
    done = made.assembler.assemble([state], 10, granted=EVERYTHING)
    assert done.attributes["stage"] == "visitor"


def test_uses_of_a_fact_are_also_those_of_what_follows_from_it(plan: Plan) -> None:
    found = uses(plan)
    assert found["opened"].blocks == ("mail",)
    assert found["spent"].audiences == ("good-customers",)


@given(spent=st.floats(-(2**53), 2**53), opened=st.floats(-(2**53), 2**53))
def test_whatever_is_known_it_is_one_of_its_values_or_unknown(spent: float, opened: float) -> None:
    known = profile(COMPILED, spent=spent, opened=opened).attributes
    assert known.get("tier") in ("gold", "silver", "none", None)
    assert known["score"] in (1, 2, 3)
    assert (known.get("channel") == "email") == (opened > 2 and spent >= 300)


COMPILED = compiled(FILES)


def test_explaining_follows_from_the_facts_that_are_given(plan: Plan) -> None:
    known = profile(plan, spent=400).attributes
    assert explain_rule(plan, 'tier == "silver"', known, {}, 10).result is True
    assert explain_rule(plan, 'tier == "gold"', known, {"spent": 2_000}, 10).result is True
    assert explain_rule(plan, 'tier == "gold"', known, {"tier": "gold"}, 10).result is True
    assert explain_rule(plan, "score == 1", known, {"spent": None}, 10).result is True


def test_what_follows_from_something_sensitive_is_sensitive() -> None:
    files = {
        **FILES,
        "attributes.yaml": FILES["attributes.yaml"].replace(
            "spent: {type: number,", "spent: {type: number, sensitive: true,"
        ),
    }
    _, faults = check(files)
    told = [fault for fault in faults if "over a shoulder" in fault.message]
    assert {fault.file for fault in told} == {"blocks/offer.yaml", "blocks/mail.yaml"}
