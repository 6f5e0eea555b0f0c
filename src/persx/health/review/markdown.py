"""A review as Markdown, and as plain text, which is the same without its marks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from persx.health.review.telling import Line, Row, Told


def markdown(told: Told) -> str:
    """Return a review as Markdown (CommonMark with tables)."""
    return "\n".join(_lines(told)).rstrip() + "\n"


def _lines(told: Told) -> Iterator[str]:
    yield f"# {_safe(told.site)}: {told.title}"
    yield ""
    if told.simulated:
        yield from (f"> **{told.simulated}**: figures say nothing about people.", "")
    yield from (f"**{told.headline}.** {_safe(told.summary)}".rstrip(), "")
    yield f"PLI: **{told.figure}**" + (f" ({told.range})" if told.range else "")
    yield from (f"- {_safe(reason)}" for reason in told.reasons)
    yield ""
    yield " · ".join(f"{name}: {_safe(value)}" for name, value in told.facts)
    yield from _section("What improved", told.improved, told.empty_improved)
    yield from _section("Below 10%", told.under, told.empty_under)
    yield from _section("Variants to rewrite", told.rewrites, told.empty_rewrites)
    if told.industries:
        yield from ("", "## By industry", "", _safe(told.judged), "")
        yield from _table(
            ("Industry", "PLI", "Interval", "Counted", "Change", "Standing", "Target"),
            [
                (
                    each.name,
                    each.lift,
                    each.interval,
                    each.counted,
                    each.change,
                    each.mark,
                    each.target.removeprefix("target "),
                )
                for each in told.industries
            ],
        )
        yield from _whys(told.industries)
    if told.trends:
        yield from ("", "## Month by month", "")
        yield from _table(
            ("", *told.months),
            [
                (each.name, *(f"{cell.lift} {cell.change}".strip() for cell in each.cells))
                for each in told.trends
            ],
        )
    if told.experiments:
        yield from ("", "## Experiments")
        for name, rows, note in told.experiments:
            yield from ("", f"### {_safe(name)}", "", _safe(note), "")
            yield from _table(
                ("Arm", "Lift", "Interval", "Counted"),
                [(each.name, each.lift, each.interval, each.counted) for each in rows],
            )
            yield from _whys(rows)
    if told.health:
        yield from ("", "## Health", "")
        yield from _table(
            ("Objective", "Value", "Counted", "State"),
            [(each.name, each.lift, each.counted, each.mark) for each in told.health],
        )
    if told.stale:
        yield from ("", "## Untouched for a quarter", "")
        yield from (f"- {_safe(each)}" for each in told.stale)
    if told.notes:
        yield from ("", "## Notes", "")
        yield from (f"- {_safe(each)}" for each in told.notes)
    yield ""
    yield " · ".join(f"[{each.label}]({each.href})" for each in told.links)


def _section(title: str, lines: Sequence[Line], empty: str) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    if not lines:
        yield _safe(empty)
    for line in lines:
        links = " ".join(f"[{each.label}]({each.href})" for each in line.links)
        yield f"- **{_safe(line.text)}** {_safe(line.detail)} {links}".rstrip()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    yield "| " + " | ".join(map(_cell, head)) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(_cell(each) or "–" for each in row) + " |"


def _whys(rows: Sequence[Row]) -> Iterator[str]:
    found = [row for row in rows if row.why]
    if found:
        yield ""
    yield from (f"- {_safe(row.name)}: {_safe(row.why)}" for row in found)


def _cell(text: str) -> str:
    return _safe(text).replace("|", "\\|")


def _safe(text: str) -> str:
    """A name is whatever somebody wrote: it must not become a heading, a link or a tag."""
    return re.sub(r"([\\`*_\[\]<>#])", r"\\\1", " ".join(text.split()))


def plain(told: Told) -> str:
    """Return a review as plain text, for mail programs that show no HTML."""
    text = re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r"\1: \2", markdown(told))
    text = re.sub(r"^\|(?: --- \|)+\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"(?<!\\)\*\*|^#+ |^> ", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\| (.*) \|$", lambda row: row[1].replace(" | ", "  "), text, flags=re.M)
    return re.sub(r"\\(.)", r"\1", text)
