"""Which question is put next: one at a time, never twice, never more than allowed, in any order."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from persx.app.signing import Signer
from persx.model.clock import DAY, MINUTE
from persx.visitors.questions import (
    AskingSession,
    left,
    next_question,
    put,
    rests,
    resumed,
    settled,
)

NAMES = [f"q{n}" for n in range(6)]
QUESTIONS = st.lists(st.sampled_from(NAMES), unique=True)
VISITS = st.lists(
    st.tuples(QUESTIONS, st.sampled_from(["answer", "aside", "ignore", "quiz"])), max_size=30
)


@given(VISITS, st.integers(0, 4))
def test_a_session_never_asks_twice_or_too_often(
    visits: list[tuple[list[str], str]], most: int
) -> None:
    session = AskingSession()
    shown: set[str] = set()
    settled_once: set[str] = set()
    for now, (candidates, reaction) in enumerate(visits, start=1):
        question = next_question(candidates, session, most)
        assert question is None or question in candidates
        assert question not in settled_once, "never twice"
        session = put(session, question, now)
        assert session.pages == now
        if question is not None:
            shown.add(question)
            if reaction in ("answer", "aside"):
                settled_once.add(question)
                session = settled(session, question, now)
        if reaction == "quiz" and candidates:
            # Answered elsewhere: the bar does not ask for it either, and it takes no place.
            settled_once.add(candidates[0])
            session = settled(session, candidates[0], now)
        assert len(shown) <= most
        assert set(session.asked) == shown
        assert set(session.done) == settled_once


@given(QUESTIONS, QUESTIONS, st.integers(1, 4))
def test_what_comes_first_is_asked_first_while_there_is_room(
    first: list[str], then: list[str], most: int
) -> None:
    session = AskingSession()
    candidates = [*first, *(name for name in then if name not in first)]
    expected = candidates[:most]
    asked = []
    for now in range(1, len(candidates) + 1):
        question = next_question(candidates, session, most)
        if question is None:
            break
        asked.append(question)
        session = settled(put(session, question, now), question, now)
    assert asked == expected


def test_a_question_that_is_ignored_stays_the_one_question() -> None:
    session = put(AskingSession(), next_question(["a", "b"], AskingSession(), 1), 1)
    for now in range(2, 9):
        question = next_question(["a", "b"], session, 1)
        assert question == "a"
        session = put(session, question, now)
    assert session.asked == ("a",)
    # What matters more goes first, but no session is asked more than it may be.
    assert next_question(["stale", "a"], session, 1) == "a"
    assert next_question(["stale", "a"], session, 2) == "stale"


@given(st.integers(1, 10**13), st.integers(-DAY, DAY))
def test_a_session_ends_after_half_an_hour(at: int, later: int) -> None:
    session = AskingSession(at, 3, ("a",), ("a",))
    goes_on = resumed(session, at + later)
    assert goes_on == (session if 0 <= later <= 30 * MINUTE else AskingSession())


@given(st.integers(0, 10**13), st.integers(0, 400 * DAY), st.integers(0, 400))
def test_what_was_put_aside_rests_as_long_as_the_workspace_says(
    at: int, later: int, days: int
) -> None:
    assert rests(at, at + later, days) == (later < days * DAY)
    assert not rests(None, at, days)
    assert not rests("yesterday", at, days)


@given(QUESTIONS, QUESTIONS, QUESTIONS)
def test_a_quiz_leaves_out_what_is_known_and_what_rests(
    names: list[str], known: list[str], aside: list[str]
) -> None:
    found = left(names, known, aside)
    assert list(found) == [name for name in names if name not in {*known, *aside}]


def test_the_cookie_holds_a_session_and_nobody_elses() -> None:
    signer, other = Signer("a secret"), Signer("another")
    session = AskingSession(5, 2, ("role",), ("role",))
    text = signer.asked(session)
    assert signer.read_asked(text) == session
    assert other.read_asked(text) == AskingSession()
    for broken in ("", "x", text[:-1], "A" + text[1:], signer.visitor("somebody")):
        assert signer.read_asked(broken) == AskingSession()
    crowd = AskingSession()
    for n in range(1_000):
        crowd = settled(put(crowd, f"question-{n}", n), f"question-{n}", n)
    assert len(signer.asked(crowd)) < 3_500, "a cookie holds four kilobytes"
    assert msgspec.convert(msgspec.to_builtins(session), AskingSession) == session
