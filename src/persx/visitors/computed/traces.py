"""traces: what visits leave behind that tells of somebody, each with when it was first left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from persx.model.attribute import Computation, State, Trace, Value, ValueType
from persx.model.clock import DAY, HOUR, Millis
from persx.model.errors import did_you_mean
from persx.model.event import CONSENT_CHANGED, EXPOSURE, Event, EventType
from persx.visitors.computed.options import Options, check_no_property, check_options
from persx.visitors.computed.properties import as_name, property_values

MOST: Final = 100
"""Traces that are kept: the first ones."""

LONGEST: Final = 100
"""Characters of a trace."""

DEPTH: Final = 3
"""Steps of a page's path that are kept."""

BOT: Final = "device bot"
SIMULATED: Final = "simulated visitor"
DECLARED: Final = "declared "
"""Before the name of an attribute: when its value was declared first."""

_SILENT: Final = frozenset({EXPOSURE, CONSENT_CHANGED})
"""Track events that tell of persx, not of the visitor."""


class Traces:
    """What visits leave behind, such as ``page /pricing`` or ``from news.example``.

    Options: ``from: pages events`` names the sources (see `Trace`), separated by spaces; all
    but time unless given. ``declares: industry goals`` notes when one of these attributes was
    declared first, so that what came before can be told from what came after.

    State: trace → timestamp of the first event that left it, for the first 100 of them. What
    is dropped from a part has 100 earlier ones there, so it is not among the whole's either:
    the cap keeps the state independent of the order. Lateness horizon: none.
    """

    name = "traces"
    description = (
        "What visits leave behind: pages, referring sites, campaigns, device, events. "
        "Options: from, declares."
    )

    def value_type(self, options: Options) -> ValueType | None:
        return ValueType.STRINGS

    def check(self, computation: Computation) -> list[str]:
        problems = [
            *check_no_property(computation),
            *check_options(computation, ["from", "declares"]),
        ]
        known = [trace.value for trace in Trace]
        for word in str(computation.options.get("from", "")).split():
            if word not in known:
                problems.append(f"Nothing is left by '{word}'. {did_you_mean(word, known)}")
        return problems

    def zero(self) -> State:
        return None

    def add(self, state: State, event: Event, computation: Computation) -> State:
        at = event.timestamp
        for trace in _left(event, computation):
            if state is None:
                state = {}
            before = state.get(trace)
            if before is None or at < before:
                state[trace] = at
        return _capped(state) if state is not None and len(state) > MOST else state

    def merge(self, left: State, right: State, computation: Computation) -> State:
        if left is None or right is None:
            return right if left is None else left
        merged = dict(left)
        for trace, at in right.items():
            merged[trace] = min(at, merged.get(trace, at))
        return _capped(merged) if len(merged) > MOST else merged

    def value(self, state: State, now: Millis, computation: Computation) -> Value:
        if not state:
            return None
        return [trace for trace, _ in sorted(state.items(), key=_age) if not _is_note(trace)]

    def changed(self, state: State, computation: Computation) -> Millis | None:
        return max(state.values()) if state else None


def left_before(state: State, moment: Millis) -> dict[str, Millis]:
    """Return the traces that had been left before a moment, without notes of declarations."""
    return {trace: at for trace, at in (state or {}).items() if at < moment and not _is_note(trace)}


def declared_at(state: State, name: str) -> Millis | None:
    """Return when an attribute was declared first, where the traces tell."""
    found = (state or {}).get(DECLARED + name)
    return None if found is None else int(found)


def source_of(trace: str) -> Trace | None:
    """Return what left a trace; none for what is about the visitor's record itself."""
    return _SOURCES.get(trace.partition(" ")[0])


_SOURCES: Final = {
    "page": Trace.PAGES,
    "section": Trace.PAGES,
    "screen": Trace.PAGES,
    "from": Trace.REFERRER,
    "source": Trace.CAMPAIGN,
    "medium": Trace.CAMPAIGN,
    "campaign": Trace.CAMPAIGN,
    "device": Trace.DEVICE,
    "event": Trace.EVENTS,
    "category": Trace.CATEGORIES,
    "hours": Trace.TIME,
    "weekend": Trace.TIME,
}


def _age(item: tuple[str, int]) -> tuple[int, str]:
    return item[1], item[0]


def _is_note(trace: str) -> bool:
    return trace.startswith(DECLARED)


def _capped(state: dict[str, int]) -> dict[str, int]:
    return dict(sorted(state.items(), key=_age)[:MOST])


@lru_cache(maxsize=256)
def _options(sources: str | None, declares: str) -> tuple[tuple[_Source, ...], tuple[str, ...]]:
    named = sources.split() if sources is not None else [it for it in Trace if it != Trace.TIME]
    return tuple(_READERS[Trace(name)] for name in named), tuple(declares.split())


def _left(event: Event, computation: Computation) -> Iterator[str]:
    given = computation.options
    sources = given.get("from")
    readers, declares = _options(
        None if sources is None else str(sources), str(given.get("declares", ""))
    )
    for reader in readers:
        for word, text in reader(event):
            if text:
                yield f"{word} {text}"[:LONGEST]
    if event.type is EventType.IDENTIFY:
        said = event.context.get("traits")
        traits = {**said, **event.traits} if isinstance(said, dict) else event.traits
        for name in declares:
            if _says(traits, name):
                yield DECLARED + name
    if event.context.get("simulated") is True:
        yield SIMULATED


def _says(traits: dict[str, Any], name: str) -> bool:
    value: Any = traits.get(name)
    if value is None and "." in name:
        value = traits
        for step in name.split("."):
            value = value.get(step) if isinstance(value, dict) else None
    return value not in (None, "", [])


_Source = Callable[[Event], Iterator[tuple[str, str]]]


def _pages(event: Event) -> Iterator[tuple[str, str]]:
    if event.type is EventType.SCREEN:
        yield "screen", event.name or ""
    elif event.type is EventType.PAGE:
        path = next(iter(property_values(event, "path")), None)
        if isinstance(path, str):
            steps = [step for step in path.partition("?")[0].split("/")[: DEPTH + 1] if step]
            yield "page", "/" + "/".join(steps[:DEPTH])
            if len(steps) > 1:
                yield "section", "/" + steps[0]


def _referrer(event: Event) -> Iterator[tuple[str, str]]:
    if event.type is EventType.PAGE:
        for value in property_values(event, "referrer"):
            host, own = _host(value), ""
            for url in property_values(event, "url"):
                own = _host(url)
            if host and host != own:
                yield "from", host


@lru_cache(maxsize=4096)
def _site(url: str) -> str:
    try:
        return (urlsplit(url[:2_000]).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _host(url: Any) -> str:
    return _site(url) if isinstance(url, str) else ""


def _campaign(event: Event) -> Iterator[tuple[str, str]]:
    told = event.context.get("campaign")
    if isinstance(told, dict):
        for word, field in (("source", "source"), ("medium", "medium"), ("campaign", "name")):
            value = told.get(field)
            if isinstance(value, str):
                yield word, value


def _device(event: Event) -> Iterator[tuple[str, str]]:
    agent = event.context.get("userAgent")
    device = event.context.get("device")
    if isinstance(device, dict) and isinstance(device.get("type"), str):
        yield "device", device["type"]
    elif isinstance(agent, str) and agent.count("; ") == 2:
        # Reduced before it was stored: browser, system, class of device.
        yield "device", agent.rpartition("; ")[2]


def _events(event: Event) -> Iterator[tuple[str, str]]:
    if event.type is EventType.TRACK and event.name and event.name not in _SILENT:
        yield "event", event.name


def _categories(event: Event) -> Iterator[tuple[str, str]]:
    if event.type is EventType.TRACK:
        for path in ("category", "products.category"):
            for value in property_values(event, path):
                yield "category", as_name(value) or ""


def _time(event: Event) -> Iterator[tuple[str, str]]:
    hour = event.timestamp % DAY // HOUR // 4 * 4
    yield "hours", f"{hour:02}-{hour + 4:02} UTC"
    # 1970 began on a Thursday.
    if (event.timestamp // DAY + 3) % 7 >= 5:
        yield "weekend", "yes"


_READERS: Final[dict[Trace, _Source]] = {
    Trace.PAGES: _pages,
    Trace.REFERRER: _referrer,
    Trace.CAMPAIGN: _campaign,
    Trace.DEVICE: _device,
    Trace.EVENTS: _events,
    Trace.CATEGORIES: _categories,
    Trace.TIME: _time,
}
