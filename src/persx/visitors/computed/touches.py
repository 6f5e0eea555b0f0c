"""touches: what a visitor did with which items, and when: last, and on which days they bought."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from persx.model.attribute import Computation, State, Value, ValueType
from persx.model.clock import DAY, Millis
from persx.model.event import Event, EventType
from persx.model.item import Action, Touch
from persx.visitors.computed.options import Options, check_no_property, check_options
from persx.visitors.computed.properties import MOST_VALUES, as_name, property_values

MOST: Final = 200
"""Touches that are kept, the newest."""

MOST_PURCHASES: Final = 100
"""Days on which an item was bought that are kept beside them, the newest."""

ACTION_BY_EVENT: Final = {
    "Product Viewed": Action.VIEWED,
    "Item Viewed": Action.VIEWED,
    "Recommendation Clicked": Action.VIEWED,
    "Product Added": Action.ADDED,
    "Order Completed": Action.BOUGHT,
}
"""What track events say that somebody did with the items that they name."""

ID_FIELDS: Final = ("product_id", "item_id", "sku")
"""Where an event, or a product of its list, names an item: the first that is there counts."""

_MARKS: Final = {Action.VIEWED: "v", Action.ADDED: "a", Action.BOUGHT: "b"}
_ACTIONS: Final = {mark: action for action, mark in _MARKS.items()}
_DAY: Final = "d"


class Touches:
    """What a visitor viewed, put into their cart and bought: items by id, or pages by path.

    It is made of ``Product Viewed``, ``Item Viewed``, ``Recommendation Clicked``, ``Product
    Added``, ``Order Completed`` (each of its ``products``) and page views. Which item a page shows
    is looked up when it is asked for, so that views count from before it was in the catalogue.

    State: action and item → timestamp of the newest event, for the `MOST` newest ones; and day
    and item → timestamp of the newest purchase on that day (of UTC), for the `MOST_PURCHASES`
    newest ones, so that it is known how often somebody buys the same again. What is dropped from
    a part was beaten there by so many newer ones, which beat it in the whole too: so the caps
    keep the state independent of the order. Lateness horizon: none.
    """

    name = "touches"
    description = (
        "What the visitor viewed, put into the cart and bought, newest first: items by id, and "
        "pages by path."
    )
    events: Final = (*ACTION_BY_EVENT, EventType.PAGE.value)

    def value_type(self, options: Options) -> ValueType | None:
        return ValueType.STRINGS

    def check(self, computation: Computation) -> list[str]:
        problems = [*check_no_property(computation), *check_options(computation, [])]
        if computation.event is not None:
            problems.append(
                f"'touches' reads {', '.join(ACTION_BY_EVENT)} and page views. "
                f"Remove event: {computation.event}."
            )
        return problems

    def zero(self) -> State:
        return None

    def add(self, state: State, event: Event, computation: Computation) -> State:
        at = event.timestamp
        for action, item in touched(event):
            if state is None:
                state = {}
            _take(state, Touch(item, action, at))
        return _capped(state) if state is not None and len(state) > MOST else state

    def merge(self, left: State, right: State, computation: Computation) -> State:
        if left is None or right is None:
            return right if left is None else left
        merged = dict(left)
        for key, at in right.items():
            if at > merged.get(key, -1):
                merged[key] = at
        return _capped(merged) if len(merged) > MOST else merged

    def value(self, state: State, now: Millis, computation: Computation) -> Value:
        if not state:
            return None
        newest = (key for key, _ in sorted(state.items(), key=_newest) if key[0] != _DAY)
        return list(dict.fromkeys(key[1:] for key in newest))

    def changed(self, state: State, computation: Computation) -> Millis | None:
        return max(state.values()) if state else None


def touched(event: Event) -> Iterator[tuple[Action, str]]:
    """Yield what an event says that its sender did: with items by id, or a page by its path."""
    if event.type is EventType.PAGE:
        for path in property_values(event, "path"):
            page = _page(path)
            if page:
                yield Action.VIEWED, page
        return
    action = ACTION_BY_EVENT.get(event.name or "") if event.type is EventType.TRACK else None
    if action is None:
        return
    said = event.properties
    products = said.get("products")
    if action is Action.BOUGHT and isinstance(products, list):
        for product in products[:MOST_VALUES]:
            if isinstance(product, dict) and (item := _item(product)):
                yield action, item
    elif item := _item(said):
        yield action, item


def touches_of(state: State) -> tuple[Touch, ...]:
    """Return what a state says that somebody did, oldest first.

    Each item is there once for each action, and once for each earlier day on which it was bought.
    """
    known: dict[str, Millis] = state or {}
    found = []
    for key, at in sorted(known.items(), key=_newest, reverse=True):
        if key[0] != _DAY:
            found.append(Touch(key[1:], _ACTIONS[key[0]], at))
            continue
        item = key.partition(":")[2]
        if known.get(_MARKS[Action.BOUGHT] + item) != at:
            found.append(Touch(item, Action.BOUGHT, at))
    return tuple(found)


def kept(touches: Iterable[Touch]) -> tuple[Touch, ...]:
    """Return what a state would keep of touches, oldest first, however many there are.

    >>> [each.at for each in kept(Touch("hat", Action.VIEWED, at) for at in (3, 1, 2))]
    [3]
    """
    state: dict[str, Millis] = {}
    for each in touches:
        _take(state, each)
    return touches_of(_capped(state))


def _take(state: dict[str, Millis], touch: Touch) -> None:
    _note(state, _MARKS[touch.action] + touch.item, touch.at)
    if touch.action is Action.BOUGHT:
        _note(state, f"{_DAY}{touch.at // DAY}:{touch.item}", touch.at)


def _note(state: dict[str, Millis], key: str, at: Millis) -> None:
    before = state.get(key)
    if before is None or at > before:
        state[key] = at


def _item(said: dict[str, Any]) -> str | None:
    for field in ID_FIELDS:
        name = as_name(said.get(field))
        if name:
            # What begins with a slash is the path of a page.
            return None if name.startswith("/") else name
    return None


def _page(path: object) -> str | None:
    if not isinstance(path, str) or not path.startswith("/"):
        return None
    return as_name(path.partition("?")[0].partition("#")[0].rstrip("/"))


def _newest(touch: tuple[str, int]) -> tuple[int, str]:
    return -touch[1], touch[0]


def _capped(state: dict[str, int]) -> dict[str, int]:
    newest = sorted(state.items(), key=_newest)
    touches = [pair for pair in newest if pair[0][0] != _DAY]
    purchases = [pair for pair in newest if pair[0][0] == _DAY]
    return dict([*touches[:MOST], *purchases[:MOST_PURCHASES]])
