"""Replenishment: the gaps between days of purchase, and what is due."""

from __future__ import annotations

from typing import Any

from persx.model.attribute import Computation
from persx.model.clock import DAY, HOUR
from persx.model.event import Event, EventType
from persx.visitors.computed import COMPUTED
from persx.visitors.computed.replenishment import MOST_PURCHASES

TODAY = 20_000
KIND = COMPUTED["replenishment"]


def order(day: int, *categories: str, hour: int = 9) -> Event:
    return Event(
        type=EventType.TRACK,
        message_id=f"{day}-{hour}",
        anonymous_id="v",
        name="Order Completed",
        timestamp=day * DAY + hour * HOUR,
        properties={"products": [{"category": each} for each in categories]},
    )


def says(*events: Event, **options: Any) -> Any:
    definition = Computation(kind=KIND.name, property="products.category", options=options)
    assert KIND.check(definition) == []
    state = KIND.zero()
    for event in events:
        state = KIND.add(state, event, definition)
    return KIND.value(state, TODAY * DAY + 5 * HOUR, definition)


def test_the_interval_is_the_median_of_the_gaps() -> None:
    orders = [order(TODAY - back, "Gels") for back in (100, 90, 60, 50)]
    assert says(*orders, of="Gels") == 10
    assert says(*orders[1:], of="Gels") == 20
    assert says(*orders[:3:2], of="Gels") == 40
    assert says(*orders, of="Shoes") is None


def test_a_day_counts_once_and_one_day_makes_no_interval() -> None:
    twice = [order(TODAY - 9, "Gels"), order(TODAY - 9, "Gels", "Gels", hour=20)]
    assert says(*twice, of="Gels") is None
    assert says(*twice, of="Gels", usual="5d") == 5
    assert says(*twice, order(TODAY - 2, "Gels"), of="Gels", usual="5d") == 7


def test_it_says_when_the_next_is_due() -> None:
    orders = [order(TODAY - 13, "Gels"), order(TODAY - 3, "Gels")]
    assert says(*orders, of="Gels", value="due_at") == (TODAY + 7) * DAY
    assert says(*orders, of="Gels", value="days_left") == 7
    assert says(order(TODAY - 40, "Gels"), order(TODAY - 30, "Gels"), of="Gels",
                value="days_left") == -20  # fmt: skip


def test_it_lists_what_is_due_the_most_overdue_first() -> None:
    orders = [
        order(TODAY - 40, "Gels", "Socks", "Shoes"),
        order(TODAY - 30, "Gels"),
        order(TODAY - 20, "Socks"),
        order(TODAY - 5, "Shoes"),
    ]
    assert says(*orders) == ["Gels", "Socks"]
    assert says(*reversed(orders)) == ["Gels", "Socks"]
    assert says(*orders, within="25d") == []
    assert says() == []


def test_the_newest_purchases_are_kept() -> None:
    orders = [order(TODAY - back, "Gels") for back in range(1, 2 * MOST_PURCHASES, 2)]
    many = [order(TODAY - back, f"c{back}") for back in range(MOST_PURCHASES)]
    assert says(*orders, of="Gels") == 2
    assert says(*orders, *many, of="c1", usual="3d") == 3


def test_its_definition_is_checked() -> None:
    def problems(**options: Any) -> list[str]:
        return KIND.check(Computation(kind=KIND.name, property="category", options=options))

    assert problems() == []
    assert "of:" in problems(value="interval")[0]
    assert "'due' lists" in problems(value="due", of="Gels")[0]
    assert "property" in KIND.check(Computation(kind=KIND.name))[0]
