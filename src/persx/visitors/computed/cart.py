"""cart: what is in a visitor's cart now, replayed from what was put in, taken out and ordered."""

from __future__ import annotations

from bisect import insort
from typing import Any, Final

import msgspec

from persx.model.attribute import Computation, State, Value, ValueType
from persx.model.clock import Millis
from persx.model.event import Event
from persx.visitors.computed.options import (
    Options,
    check_no_property,
    check_options,
    duration_option,
)
from persx.visitors.computed.properties import LONGEST_TEXT, as_name, as_number
from persx.visitors.computed.total import LARGEST, UNIT

ADDED: Final = "Product Added"
REMOVED: Final = "Product Removed"
ORDERED: Final = "Order Completed"

MOST_CHANGES: Final = 200
"""Changes since the last order that are kept, the newest."""

MOST_PIECES: Final = 10_000
"""A greater quantity is a mistake and does not count."""

DEFAULT_EXPIRY: Final = "30d"
VALUES: Final = ("total", "items", "products", "units", "categories")

Change = list[Any]
"""``[timestamp, message id, pieces, product, price in millionths, currency, category]``.

Pieces are negative where some were taken out, 0 where all of the product were; −1 as the price
means that the event had none.
"""

_ALL: Final = 0
_NO_PRICE: Final = -1


class _Line(msgspec.Struct):
    """One product in the cart; price, currency and category are those of the newest addition."""

    product: str
    pieces: int | float
    price: int
    currency: str
    category: str
    at: Millis


class Cart:
    """A visitor's cart, from ``Product Added``, ``Product Removed`` and ``Order Completed``.

    Options: ``value``: its ``total`` (the default), the number of ``items``, its ``products`` (ids,
    newest first), its ``units`` (each id as often as there are pieces, at most 100) or its
    ``categories``; ``expires: 30d``, the longest pause between two changes, after which what was
    in it is gone; ``currency: EUR``, which lines a total counts: those in other currencies are
    left out. Without it a total of several currencies is unknown, because nothing converts them.

    A product is told by ``product_id``, else ``sku``, else ``name``. A quantity that is not said is
    1 where something is put in, and all of it where it is taken out; an order empties the cart.

    State: the time of the newest order, and the changes after it in the order of their time. The
    newest order's time only moves forward, so that what lies before it is dropped in any order of
    events; of more than `MOST_CHANGES` the newest are kept, which are the newest of the whole too.
    The value replays them, so that taking out more than there was never makes a debt, whichever
    event came first. Lateness horizon: none, for as long as the changes fit.
    """

    name = "cart"
    description = (
        "What is in the cart now, from Product Added, Product Removed and Order Completed. "
        "Options: value (total, items, products, units, categories), expires, currency."
    )
    events: Final = (ADDED, REMOVED, ORDERED)

    def value_type(self, options: Options) -> ValueType | None:
        if options.get("value", "total") in ("total", "items"):
            return ValueType.NUMBER
        return ValueType.STRINGS

    def check(self, computation: Computation) -> list[str]:
        problems = [
            *check_no_property(computation),
            *check_options(
                computation,
                ["value", "expires", "currency"],
                durations=["expires"],
                choices={"value": VALUES},
            ),
        ]
        if computation.event is not None:
            problems.append(
                f"'cart' reads {', '.join(self.events)}. Remove event: {computation.event}."
            )
        currency = computation.options.get("currency", "EUR")
        if not isinstance(currency, str) or not (len(currency) == 3 and currency.isalpha()):
            problems.append(f"Option 'currency' is '{currency}'. Use a code such as EUR.")
        return problems

    def zero(self) -> State:
        return None

    def add(self, state: State, event: Event, computation: Computation) -> State:
        at = event.timestamp
        if event.name == ORDERED:
            if state is None:
                return {"ordered": at, "changes": []}
            if at > state["ordered"]:
                state["ordered"] = at
                state["changes"] = _after(state["changes"], at)
            return state
        change = _change(event)
        if change is None:
            return state
        if state is None:
            return {"ordered": -1, "changes": [change]}
        if at > state["ordered"]:
            changes = state["changes"]
            if not changes or changes[-1] < change:
                changes.append(change)
            else:
                insort(changes, change)
            if len(changes) > MOST_CHANGES:
                del changes[0]
        return state

    def merge(self, left: State, right: State, computation: Computation) -> State:
        if left is None or right is None:
            return right if left is None else left
        ordered = max(left["ordered"], right["ordered"])
        changes = sorted([*left["changes"], *right["changes"]])
        return {"ordered": ordered, "changes": _after(changes, ordered)[-MOST_CHANGES:]}

    def value(self, state: State, now: Millis, computation: Computation) -> Value:
        options = computation.options
        lines = _lines(state, now, duration_option(options, "expires", DEFAULT_EXPIRY))
        match options.get("value", "total"):
            case "items":
                return _plain(sum(line.pieces for line in lines))
            case "products":
                return [line.product for line in lines]
            case "units":
                return [line.product for line in lines for _ in range(int(line.pieces))][:100]
            case "categories":
                return list(dict.fromkeys(line.category for line in lines if line.category))
        return _total(lines, options)

    def changed(self, state: State, computation: Computation) -> Millis | None:
        if state is None:
            return None
        changes = state["changes"]
        return int(changes[-1][0] if changes else state["ordered"])


def _change(event: Event) -> Change | None:
    said = event.properties
    product = next(
        (name for key in ("product_id", "sku", "name") if (name := as_name(said.get(key)))), None
    )
    if product is None:
        return None
    adding = event.name == ADDED
    quantity = said.get("quantity")
    pieces: int | float | None = as_number(quantity)
    if pieces is None:
        pieces = 1 if adding else _ALL
    elif not 0 < pieces <= MOST_PIECES:
        return None
    elif not adding:
        pieces = -pieces
    price = as_number(said.get("price"))
    fits = adding and price is not None and 0 <= price <= LARGEST
    return [
        event.timestamp,
        event.message_id,
        _plain(pieces),
        product,
        round((price or 0) * UNIT) if fits else _NO_PRICE,
        _text(said.get("currency")).upper()[:3] if adding else "",
        _text(said.get("category")) if adding else "",
    ]


def _after(changes: list[Change], ordered: Millis) -> list[Change]:
    return [change for change in changes if change[0] > ordered]


def _lines(state: State, now: Millis, expiry: Millis) -> list[_Line]:
    """Return what is in the cart, what was put in last first."""
    lines: dict[str, _Line] = {}
    before: Millis | None = None
    for at, _, pieces, product, price, currency, category in state["changes"] if state else ():
        if before is not None and at - before > expiry:
            lines.clear()
        before = at
        line = lines.get(product)
        if pieces > 0:
            if line is None:
                lines[product] = _Line(product, pieces, price, currency, category, at)
                continue
            line.pieces += pieces
            line.at = at
            if price != _NO_PRICE:
                line.price, line.currency = price, currency
            line.category = category or line.category
        elif line is not None:
            line.pieces = 0 if pieces == _ALL else line.pieces + pieces
            if line.pieces <= 0:
                del lines[product]
    if before is None or now - before > expiry:
        return []
    return sorted(lines.values(), key=lambda line: (-line.at, line.product))


def _total(lines: list[_Line], options: Options) -> Value:
    priced = [line for line in lines if line.price != _NO_PRICE]
    wanted = str(options.get("currency", "")).upper()
    if wanted:
        priced = [line for line in priced if line.currency in ("", wanted)]
    elif len({line.currency for line in priced if line.currency}) > 1:
        return None
    return _plain(sum(line.price * line.pieces for line in priced) / UNIT)


def _plain(number: float) -> int | float:
    return int(number) if number == int(number) else round(number, 6)


def _text(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= LONGEST_TEXT else ""
