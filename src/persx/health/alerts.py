"""Alerts: what is said when an objective is confirmed to be missed, and when it is right again."""

from __future__ import annotations

from typing import Literal

import msgspec

from persx.health.judging import Finding
from persx.model.clock import Millis, iso

SHOWN = 10
"""Subjects that an alert lists."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One message about one objective.

    Attributes:
        id: The same in every attempt to send it, so that a receiver can tell.
        url: Where the studio shows more; empty where the public address is not known.
    """

    id: str
    kind: Literal["confirmed", "recovered"]
    at: Millis
    site: str
    objective: str
    title: str
    description: str
    target: str
    findings: tuple[Finding, ...]
    url: str = ""

    @property
    def headline(self) -> str:
        """The message in one line."""
        if self.kind == "recovered":
            return f"{self.site}: {self.title} is right again"
        return f"{self.site}: {self.title} misses its objective"

    @property
    def lines(self) -> list[str]:
        """The message's details, a line each."""
        found = [_line(each, self.kind) for each in self.findings[:SHOWN]]
        if len(self.findings) > SHOWN:
            found.append(f"and {len(self.findings) - SHOWN} more")
        return found

    @property
    def text(self) -> str:
        """The whole message as plain text."""
        head = [self.headline, ""]
        tail = ["", f"Objective '{self.objective}': {self.target}. {self.description}".strip()]
        if self.kind == "confirmed":
            tail.append(f"To hear no more of it: persx health silence {self.objective} --for 1d")
        tail.append(f"{iso(self.at)}{'  ' + self.url if self.url else ''}")
        return "\n".join([*head, *(f"- {line}" for line in self.lines), *tail])


def _line(finding: Finding, kind: str) -> str:
    name = finding.subject or "everything"
    if finding.denominator:
        told = f"{finding.numerator:,} of {finding.denominator:,} ({finding.value or 0:.1%})"
    elif finding.value is not None:
        told = f"{finding.value:+.1%}"
    else:
        told = ""
    why = "" if kind == "recovered" else finding.why
    return " ".join(filter(None, (f"{name}:" if told or why else name, told, why)))
