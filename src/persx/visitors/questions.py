"""Questions in a session: one at a time, never twice, and no more than the workspace allows.

Pure. A session ends after half an hour in which nothing was asked for.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final

import msgspec

from persx.model.clock import DAY, MINUTE, Millis

SESSION: Final = 30 * MINUTE
"""A session is over after so long without a page."""

_MOST_KEPT: Final = 50
_MOST_PAGES: Final = 1_000_000


class AskingSession(msgspec.Struct, frozen=True, array_like=True):
    """What one session asked so far; the visitor's own browser carries it.

    Attributes:
        at: When its last page was shown, or its last answer given; 0 where there was none.
        pages: How many pages were shown.
        asked: The questions that were put, in order.
        done: Those of them, or of a quiz, that were answered or put aside.
    """

    at: Millis = 0
    pages: int = 0
    asked: tuple[str, ...] = ()
    done: tuple[str, ...] = ()


def resumed(session: AskingSession, now: Millis) -> AskingSession:
    """Return the session that goes on now: this one, or a new one where it is over."""
    return session if 0 <= now - session.at <= SESSION else AskingSession()


def next_question(candidates: Iterable[str], session: AskingSession, most: int) -> str | None:
    """Return the one question to put now, if any.

    One that was put and not answered yet stays; it counts once.

    Args:
        candidates: Questions that might be put, what comes first first.
        most: How many a session may be asked.

    >>> next_question(["industry", "role"], AskingSession(1, 1, ("role",), ("role",)), 2)
    'industry'
    """
    for question in candidates:
        if question not in session.done and (
            question in session.asked or len(session.asked) < most
        ):
            return question
    return None


def put(session: AskingSession, question: str | None, now: Millis) -> AskingSession:
    """Return the session after a page on which a question was put, or none."""
    pages = min(session.pages + 1, _MOST_PAGES)
    return AskingSession(now, pages, _added(session.asked, question), session.done)


def settled(session: AskingSession, question: str, now: Millis) -> AskingSession:
    """Return the session after a question was answered or put aside."""
    return AskingSession(now, session.pages, session.asked, _added(session.done, question))


def _added(names: tuple[str, ...], name: str | None) -> tuple[str, ...]:
    if name is None or name in names or len(names) >= _MOST_KEPT:
        return names
    return (*names, name)


def rests(put_aside_at: object, now: Millis, days: int) -> bool:
    """Tell whether a question still rests that was put aside at a moment; None means never."""
    return isinstance(put_aside_at, int) and now - put_aside_at < days * DAY


def left(questions: Iterable[str], known: Container[str], aside: Container[str]) -> tuple[str, ...]:
    """Return what is left to ask of a quiz, in order.

    Args:
        known: Questions whose answer is known.
        aside: Questions that were put aside, and rest.
    """
    return tuple(each for each in questions if each not in known and each not in aside)
