"""Consent: the newest answer holds, in any order and batches, and decides what may be used."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.attribute import Purpose
from persx.model.event import Event, EventType
from persx.model.visitor import Grant, IdentityState
from persx.model.workspace import ConsentMode
from persx.storage.ports import Projection
from persx.visitors.consent import (
    ASKED,
    LONGEST,
    MOST_ANSWERS,
    answers_of,
    granted,
    history_of,
    said_by,
    storable,
)
from persx.visitors.fold import ANSWERS as HISTORY
from persx.visitors.fold import Fold, consent_key

NOW = 1_795_773_600_000
CATEGORIES = {
    "C0002": (Purpose.ANALYTICS,),
    "C0003": (Purpose.PERSONALIZATION,),
    "C0004": (Purpose.MARKETING, Purpose.PERSONALIZATION),
}
FOLD = Fold({}, categories=CATEGORIES)


def answer(number: int = 1, at: int = NOW, who: str = "v", **properties: Any) -> Event:
    return Event(
        type=EventType.TRACK,
        message_id=f"m{number:03d}",
        anonymous_id=who,
        name="Consent Changed",
        timestamp=at,
        received=NOW,
        properties=properties,
    )


def managed(number: int, preferences: object, at: int = NOW, who: str = "v") -> Event:
    return Event(
        type=EventType.PAGE,
        message_id=f"m{number:03d}",
        anonymous_id=who,
        timestamp=at,
        received=NOW,
        context={"consent": {"categoryPreferences": preferences}},
    )


def test_an_answer_is_kept_with_its_proof() -> None:
    said = said_by(
        answer(purposes={"analytics": True, "marketing": False}, source="banner", version="3"), {}
    )
    assert said == {
        Purpose.ANALYTICS: Grant(True, NOW, "m001", "banner", "3"),
        Purpose.MARKETING: Grant(False, NOW, "m001", "banner", "3"),
    }


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"purposes": None},
        {"purposes": ["analytics"]},
        {"purposes": {"analytics": "yes", "marketing": 1, "personalization": None}},
        {"purposes": {"necessary": False, "world domination": True}},
    ],
)
def test_what_is_not_understood_says_nothing(properties: dict[str, Any]) -> None:
    assert said_by(answer(**properties), CATEGORIES) == {}


def test_what_is_kept_of_source_and_version_is_bounded() -> None:
    (grant,) = said_by(
        answer(purposes={"analytics": True}, source="s" * 9_000, version=["no text"]), {}
    ).values()
    assert (len(grant.source), grant.version) == (LONGEST, "")


def test_categories_of_the_sites_own_manager_stand_for_purposes() -> None:
    said = said_by(managed(1, {"C0002": True, "C0003": True, "C0004": False}), CATEGORIES)
    assert {purpose: grant.granted for purpose, grant in said.items()} == {
        Purpose.ANALYTICS: True,
        # Both categories stand for it, and one was denied.
        Purpose.PERSONALIZATION: False,
        Purpose.MARKETING: False,
    }
    assert {grant.source for grant in said.values()} == {"context.consent"}


@pytest.mark.parametrize("preferences", [None, [], "C0002", {"C0002": "true"}, {"C9": True}])
def test_odd_preferences_say_nothing(preferences: object) -> None:
    assert said_by(managed(1, preferences), CATEGORIES) == {}
    assert said_by(managed(1, {"C0002": True}), {}) == {}


RUDDERSTACK = {
    "lists": {
        "allowedConsentIds": ["C0001", "C0002", "C0004"],
        "deniedConsentIds": ["C0003"],
        "provider": "oneTrust",
        "resolutionStrategy": "and",
    },
    "an object of names": {
        "allowedConsentIds": {"C0001": "Necessary", "C0002": "Performance", "C0004": "Targeting"},
        "deniedConsentIds": ["C0003"],
        "provider": "oneTrust",
    },
}


@pytest.mark.parametrize("form", RUDDERSTACK)
def test_a_manager_that_speaks_through_rudderstack_is_understood(form: str) -> None:
    event = msgspec.structs.replace(
        managed(1, None), context={"consentManagement": RUDDERSTACK[form]}
    )
    said = said_by(event, CATEGORIES)
    assert {purpose: grant.granted for purpose, grant in said.items()} == {
        Purpose.ANALYTICS: True,
        Purpose.PERSONALIZATION: False,
        Purpose.MARKETING: True,
    }
    assert {grant.source for grant in said.values()} == {"context.consentManagement oneTrust"}
    assert FOLD.fold([event]).states["a:v"].consent == said  # type: ignore[index]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (None, {}),
        ([], {}),
        ({"allowedConsentIds": None}, {}),
        ({"allowedConsentIds": "C0002"}, {}),
        ({"allowedConsentIds": [], "deniedConsentIds": []}, {}),
        ({"allowedConsentIds": [["C0002"], 2, None, "C9"]}, {}),
        ({"deniedConsentIds": ["C0002"]}, {Purpose.ANALYTICS: False}),
        (
            {"allowedConsentIds": ["C0002"], "deniedConsentIds": ["C0002"]},
            {Purpose.ANALYTICS: False},
        ),
    ],
)
def test_odd_forms_of_it_say_nothing_and_denials_win(
    told: object, expected: dict[Purpose, bool]
) -> None:
    event = msgspec.structs.replace(managed(1, None), context={"consentManagement": told})
    said = said_by(event, CATEGORIES)
    assert {purpose: grant.granted for purpose, grant in said.items()} == expected
    assert said_by(event, {}) == {}


def test_the_history_holds_every_answer_and_a_manager_once_for_each_content() -> None:
    events = [
        managed(1, {"C0002": True}, NOW),
        managed(2, {"C0002": True}, NOW + 1),
        answer(3, NOW + 2, purposes={"analytics": False}, source="banner", version="2"),
        managed(4, {"C0002": True}, NOW + 3),
        answer(5, NOW + 4, who="w", purposes={"marketing": True}),
    ]
    told = [
        (each.at - NOW, each.latest - NOW, each.message_id, each.source, each.version)
        for each in history_of(FOLD.fold(events).states.values())
    ]
    assert told == [
        (0, 3, "m001", "context.consent", ""),
        (2, 2, "m003", "banner", "2"),
        (4, 4, "m005", "api", ""),
    ]


def test_the_history_is_bounded_and_keeps_the_newest() -> None:
    events = [
        answer(number, NOW + number, purposes={"analytics": number % 2 == 0})
        for number in range(3 * MOST_ANSWERS)
    ]
    (state,) = FOLD.fold(events).states.values()
    kept = sorted(each.at - NOW for each in state.answers.values())
    assert kept == list(range(2 * MOST_ANSWERS, 3 * MOST_ANSWERS))
    halves = [FOLD.fold(events[start::2]).states["a:v"] for start in (0, 1)]  # type: ignore[index]
    assert FOLD.merge(*halves).answers == state.answers


def test_linked_identities_take_the_newest_answer() -> None:
    states = FOLD.fold(
        [
            answer(1, at=NOW - 9, who="phone", purposes={"analytics": True, "marketing": True}),
            answer(2, at=NOW - 5, who="laptop", purposes={"analytics": False}),
        ]
    ).states
    merged = answers_of(states.values())
    assert {purpose: grant.granted for purpose, grant in merged.items()} == {
        Purpose.ANALYTICS: False,
        Purpose.MARKETING: True,
    }


ANSWERS = st.builds(
    lambda number, at, who, purposes: answer(number, NOW - at, who, purposes=purposes),
    st.integers(0, 999),
    st.integers(0, 3),
    st.sampled_from("ab"),
    st.dictionaries(st.sampled_from([*ASKED, "necessary", "x"]), st.booleans()),
)
MANAGED = st.builds(
    lambda number, preferences, at, who: managed(number, preferences, NOW - at, who),
    st.integers(0, 999),
    st.dictionaries(st.sampled_from([*CATEGORIES, "C0001"]), st.booleans()),
    st.integers(0, 3),
    st.sampled_from("ab"),
)
EVENTS = st.lists(ANSWERS | MANAGED, max_size=12)


def consents(projection: Projection) -> dict[str, bytes]:
    return {
        key: msgspec.json.encode((state.consent, state.answers), order="deterministic")
        for key, state in projection.states.items()
    }


@settings(max_examples=200, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False), st.integers(0, 12))
def test_order_and_batches_do_not_matter(events: list[Event], random: Any, cut: int) -> None:
    whole = FOLD.fold(events)
    shuffled = list(events)
    random.shuffle(shuffled)
    assert consents(FOLD.fold(shuffled)) == consents(whole)
    left = FOLD.fold(events[:cut])
    right = FOLD.fold(events[cut:])
    for key in left.states.keys() & right.states.keys():
        one = FOLD.merge(left.states[key], right.states[key])
        other = FOLD.merge(right.states[key], left.states[key])
        assert one.consent == other.consent == whole.states[key].consent
        assert one.answers == other.answers == whole.states[key].answers
    kept = FOLD.fold(events[cut:], left.states).states
    assert {key: state.consent for key, state in {**left.states, **kept}.items()} == {
        key: state.consent for key, state in whole.states.items()
    }


def test_new_categories_are_folded_from_events_that_came_before() -> None:
    before = Fold({})
    event = managed(1, {"C0002": True})
    assert before.keys == {HISTORY}
    assert before.fold([event]).states["a:v"].consent == {}  # type: ignore[index]
    assert FOLD.keys == {consent_key(CATEGORIES), HISTORY}
    filled = FOLD.filling([consent_key(CATEGORIES)]).fold([event]).states["a:v"]  # type: ignore[index]
    assert filled.consent[Purpose.ANALYTICS].granted
    assert [each.message_id for each in filled.answers.values()] == ["m001"]
    assert filled.events == 0
    assert FOLD.filling(["orders@1"]).fold([event]).states == {}


def test_a_kept_state_without_answers_reads_as_before() -> None:
    kept = msgspec.msgpack.encode({"identity": "a:v", "events": 1})
    assert msgspec.msgpack.decode(kept, type=IdentityState).consent == {}
    state = FOLD.fold([answer(purposes={"analytics": False})]).states["a:v"]  # type: ignore[index]
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=IdentityState)
    assert again.consent == state.consent


def test_without_an_answer_the_mode_decides() -> None:
    assert granted({}, ConsentMode.OPT_OUT) == frozenset(Purpose)
    assert granted({}, ConsentMode.OPT_IN) == {Purpose.NECESSARY}


GRANTS = st.dictionaries(
    st.sampled_from(Purpose), st.builds(Grant, st.booleans(), st.integers(0, 9)), max_size=4
)


@given(GRANTS, st.sampled_from(ConsentMode), st.booleans())
def test_an_answer_always_holds(
    answers: dict[Purpose, Grant], mode: ConsentMode, gpc: bool
) -> None:
    purposes = granted(answers, mode, gpc=gpc)
    assert Purpose.NECESSARY in purposes
    for purpose in ASKED:
        if purpose in answers:
            assert (purpose in purposes) is answers[purpose].granted
        elif mode is ConsentMode.OPT_IN:
            assert purpose not in purposes
        else:
            assert (purpose in purposes) is not (gpc and purpose is Purpose.MARKETING)


def test_the_browsers_signal_denies_marketing_unless_the_visitor_said_otherwise_here() -> None:
    assert granted({}, ConsentMode.OPT_OUT, gpc=True) == frozenset(Purpose) - {Purpose.MARKETING}
    here = {Purpose.MARKETING: Grant(True, NOW)}
    assert Purpose.MARKETING in granted(here, ConsentMode.OPT_OUT, gpc=True)


@pytest.mark.parametrize(
    ("purposes", "expected"),
    [
        ({Purpose.NECESSARY}, False),
        ({Purpose.NECESSARY, Purpose.MARKETING}, False),
        ({Purpose.NECESSARY, Purpose.ANALYTICS}, True),
        ({Purpose.NECESSARY, Purpose.PERSONALIZATION}, True),
    ],
)
def test_storage_needs_personalization_or_analytics(purposes: set[Purpose], expected: bool) -> None:
    assert storable(frozenset(purposes)) is expected


def test_equal_purposes_are_one_object() -> None:
    """Kept profiles are found again by identity; an equal copy would make each one anew."""
    for denied in (True, False):
        answer = {Purpose.MARKETING: Grant(not denied, 1)}
        for mode in ConsentMode:
            assert granted(answer, mode) is granted(dict(answer), mode)
    everything = {purpose: Grant(True, 1) for purpose in ASKED}
    assert granted(everything, ConsentMode.OPT_IN) == frozenset(Purpose)
