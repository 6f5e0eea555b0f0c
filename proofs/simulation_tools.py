"""What the parts of the proof of simulations share: a home in memory, its site and its visitors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from persx.app.home import open_home
from persx.app.publishing import PublishRequest, PushRequest, publish, push
from persx.app.services import Services
from persx.app.settings import ServerSettings
from persx.app.simulation import simulate
from persx.model.simulation import Effect, Effects, Habits, Simulated, Simulation

NOW: Final = 1_795_773_600_000
INDUSTRIES: Final = ("SaaS", "Healthcare", "Education")
CHANCE: Final = 0.001
"""How improbable a result must be to say that a claim does not hold."""

SITE: Final = {
    "settings.yaml": "{name: Proof, holdout: {share: 0.5, goals: [order]}, coverage: full}",
    "attributes.yaml": "industry: {type: string, values: [SaaS, Healthcare, Education]}",
    "industries.yaml": "SaaS: {}\nHealthcare: {}\nEducation: {}",
    "goals.yaml": "order: {event: Order Completed, value: revenue}",
    "pages/home.yaml": "{path: /, title: Home, blocks: [hero]}",
    "pages/offer.yaml": "{path: /offer, title: Offer, blocks: [offer]}",
    **{
        f"blocks/{name}.yaml": "type: cta\ncontent: {headline: For all, label: Go, href: /offer}\n"
        "variants:\n"
        + "\n".join(
            f"  {industry.lower()}: {{when: industry == '{industry}', "
            f"content: {{headline: For {industry}}}}}"
            for industry in INDUSTRIES
        )
        for name in ("hero", "offer")
    },
}


@asynccontextmanager
async def simulated(
    asked: Simulation, site: Mapping[str, str] = SITE
) -> AsyncIterator[tuple[Services, Simulated]]:
    """A home in memory after a simulation, at a time that is always the same."""
    settings = ServerSettings(store="memory", write_key="proof", server_key="proof")
    async with open_home(None, settings, clock=lambda: NOW) as services:
        await push(services, PushRequest(files=dict(site), base={}, author="proof"))
        await publish(services, PublishRequest(author="proof", message=""))
        yield services, await simulate(services, asked)


def effects(conversion: Mapping[str, float], revenue: float = 1.0, browse: float = 1.0) -> Effects:
    """Return effects by industry, with equally common industries."""
    return Effects(
        industries={name: Habits(pages=2.5) for name in INDUSTRIES},
        goals={"order": 0.15},
        effects=tuple(
            Effect(industry=name, conversion=factor, revenue=revenue, browse=browse)
            for name, factor in conversion.items()
        ),
    )


def row(*cells: object) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"
