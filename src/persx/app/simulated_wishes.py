"""Simulated wishes: people look around among items, click on recommended ones, and order some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from persx.app.clicking import PATH, count_click, read_click
from persx.app.deciding import Decided
from persx.app.recommended import links_of
from persx.app.services import Services
from persx.app.simulated_log import SimulatedLog
from persx.app.simulated_people import Person
from persx.app.simulated_tastes import Taste
from persx.app.visiting import Visitor
from persx.decide.plan import Plan
from persx.visitors.computed.cart import ADDED, ORDERED


class Wishes:
    """What everybody wants, in a workspace that recommends something.

    Attributes:
        any: Whether it does; else nobody wants anything.
    """

    def __init__(self, services: Services, log: SimulatedLog, plan: Plan, seed: int) -> None:
        self._services, self._log, self._plan, self._seed = services, log, plan, seed
        self._tastes: dict[int, Taste] = {}
        self.any = any(page.recommends for page in plan.pages.values())

    async def looks_at(self, person: Person) -> Sequence[str]:
        """Return the pages of items that somebody looks at in a visit, whatever they are shown."""
        if not self.any or person.denies or person.bot:
            return ()
        found = (await self._taste(person)).looks_at()
        return [item.url for item in found if item.url in self._plan.paths]

    async def click(
        self, person: Person, visitor: Visitor, decided: Decided, path: str
    ) -> str | None:
        """Click on a recommended item, where somebody would; return where it leads.

        It may be nowhere of this site, which is empty; None where nothing is clicked.
        """
        if not decided.lists or not decided.profile.storable:
            return None
        taste, services = await self._taste(person), self._services
        catalogue = await services.current_catalogue()
        for listed in decided.lists:
            items = [it for each in listed.items if (it := catalogue.get(each.id)) is not None]
            place = taste.clicks(items)
            if place is None:
                continue
            item = items[place]
            links = links_of(services, visitor, decided.decision, [listed], path)
            link = links[listed.block].get(item.id, "")
            click = read_click(services, link.removeprefix(PATH)) if link else None
            if not (click and await count_click(services, click[0], services.clock(), visitor)):
                continue
            taste.clicked.append(item)
            # What is recommended next follows from it.
            await self._log.flush()
            return item.url if item.url in self._plan.paths else ""
        return None

    async def ordered(self, person: Person, event: str) -> dict[str, Any]:
        """Return which items somebody orders, or puts into the cart, as properties of the event."""
        if not self.any or event not in (ORDERED, ADDED):
            return {}
        said = [
            {
                "product_id": item.id,
                "name": item.title,
                "category": item.category[-1] if item.category else "",
                "price": item.price,
                "quantity": 1,
            }
            for item in (await self._taste(person)).takes()
        ]
        if event == ORDERED:
            return {"products": said}
        return said[0] if said else {}

    async def _taste(self, person: Person) -> Taste:
        found = self._tastes.get(person.number)
        if found is None:
            catalogue = await self._services.current_catalogue()
            items = [each for each in catalogue.present().values() if each.shown]
            found = Taste(self._seed, person.number, person.industry, items)
            self._tastes[person.number] = found
        return found
