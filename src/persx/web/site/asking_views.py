"""Views of questions: the slim bar above a page, and the preference centre."""

from __future__ import annotations

from typing import ClassVar

from persx.web.site.view import Option, View


class Asking(View, frozen=True, kw_only=True):
    """One question to the visitor, as a slim bar.

    It posts `name`, `value` and `next` to `action`, and `suggestion` where there is one; with
    `later` also `action=later`, which puts the question aside.

    Attributes:
        question: The question, and `why` it is asked.
        name: The attribute in question, or the name of a short question.
        options: The answers; what was declared, or what something speaks for, is selected.
        suggestion: What their visits speak for, beside what they declared.
        action: Where the answer goes.
        kind: How it is answered: ``one`` (a click), ``many``, ``number`` or ``text``.
        testid: What tests find the bar by.
        value: What is filled in where the answer is written.
        problem: What is wrong with what was just sent.
        send, later: What the buttons say; without `later` it cannot be put aside.
        key: What tells it from all other questions, within a session.
    """

    question: str
    why: str
    name: str
    options: tuple[Option, ...] = ()
    suggestion: str = ""
    action: str = "/privacy/answer"
    kind: str = "one"
    testid: str = "asking"
    value: str = ""
    problem: str = ""
    send: str = ""
    later: str = ""
    key: str = ""


class PreferenceField(View, frozen=True, kw_only=True):
    """One attribute that the visitor may change.

    Attributes:
        name: The question's.
        kind: How it is answered: ``one``, ``many``, ``number`` or ``text``.
        value: What is filled in where it is written.
        problem: What is wrong with what was sent.
    """

    name: str
    label: str
    hint: str = ""
    kind: str = "text"
    value: str = ""
    options: tuple[Option, ...] = ()
    problem: str = ""


class PreferenceSection(View, frozen=True, kw_only=True):
    """The attributes of one purpose: a form of its own.

    Attributes:
        purpose: What they are used for; the form sends it as `section`.
        note: What saving allows; empty where nothing new.
        saved: It was just saved.
    """

    purpose: str
    title: str
    text: str
    fields: tuple[PreferenceField, ...]
    note: str = ""
    saved: bool = False


class ToldFact(View, frozen=True, kw_only=True):
    """What the visitor told on the start form; empty where they did not."""

    label: str
    value: str = ""


class PreferencesView(View, frozen=True, kw_only=True):
    """The preference centre. Each section posts to `action`.

    Attributes:
        about_you: What the start form asks for; it is changed there, at `start_href`.
        link: The token of the link by which somebody came; the forms send it as `for`.
        problem: Why something was not saved.
    """

    template: ClassVar[str] = "site/preferences.html"

    about_you: tuple[ToldFact, ...] = ()
    start_href: str = "/start"
    sections: tuple[PreferenceSection, ...] = ()
    action: str = "/preferences"
    link: str = ""
    problem: str = ""
