"""Industries, locales, personas and goals: what they name exists, and texts fall back somewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from persx.model.errors import Fault, did_you_mean
from persx.model.workspace import Locale, Persona
from persx.workspace.checks.subject import Subject
from persx.workspace.checks.texts import check_texts

_TEXTS: Final = ("label", "description")


def check_catalogues(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of all industries, locales, personas and goals."""
    for name, industry in subject.workspace.industries.items():
        yield from subject.repeated("industries", name, "goals", industry.goals)
        yield from subject.repeated("industries", name, "tools", industry.tools)
        yield from check_texts(subject, "industries", name, industry.locales, _TEXTS)
    yield from _locales(subject, subject.workspace.locales)
    for name, persona in subject.workspace.personas.items():
        yield from _persona(subject, name, persona)
    for name, goal in subject.workspace.goals.items():
        if not goal.event.strip():
            yield subject.fault(
                "goals", name, "event", "A goal needs the name of an event.", hint="Write event: …"
            )


def _locales(subject: Subject, locales: Mapping[str, Locale]) -> Iterator[Fault]:
    for code, locale in locales.items():
        if locale.fallback is None:
            continue
        yield from subject.unknown("locales", code, "fallback", "locales", [locale.fallback])
        chain = [code]
        following: str | None = locale.fallback
        while following is not None and following in locales and following not in chain:
            chain.append(following)
            following = locales[following].fallback
        # Of the locales in a circle, only the first one says so.
        if following == code and code == min(chain):
            yield subject.fault(
                "locales",
                code,
                "fallback",
                "The locale falls back to itself.",
                value=" → ".join((*chain, code)),
                hint="Let one of them fall back to none.",
            )


def _persona(subject: Subject, name: str, persona: Persona) -> Iterator[Fault]:
    yield from subject.repeated("personas", name, "goals", persona.goals)
    yield from subject.repeated("personas", name, "tools", persona.tools)
    if persona.industry:
        yield from subject.unknown("personas", name, "industry", "industries", [persona.industry])
    if subject.damaged.get("industries"):
        return
    industries = subject.workspace.industries
    if persona.industry and persona.industry not in industries:
        return
    offering = [industries[persona.industry]] if persona.industry else list(industries.values())
    where = f"'{persona.industry}'" if persona.industry else "any industry"
    for field, listed, offered in (
        ("goals", persona.goals, {each for one in offering for each in one.goals}),
        ("tools", persona.tools, {each for one in offering for each in one.tools}),
    ):
        for at, each in enumerate(listed):
            if each not in offered:
                yield subject.fault(
                    "personas",
                    name,
                    f"{field}.{at}",
                    f"'{each}' is not among the {field} of {where}.",
                    value=each,
                    hint=did_you_mean(each, offered),
                )
    if not (persona.industry or persona.goals or persona.tools or persona.behaviour):
        yield subject.fault(
            "personas",
            name,
            "",
            "Nothing would ever score for this persona.",
            hint="Give it an industry, goals, tools or behaviour.",
        )
