"""Previews: what the admin bar's choice lays over a visitor, so that the site shows it."""

from __future__ import annotations

from typing import Final

from persx.app.deciding import Preview
from persx.decide.plan import Plan
from persx.model.attribute import Value, ValueType
from persx.web.admin.session import BarChoice

_NOT: Final = "not "


def preview_of(plan: Plan, choice: BarChoice) -> Preview | None:
    """Return what the bar lays over the visitor; none where it is set to nothing.

    A persona brings what it is known by: its industry, goals and tools, and each behaviour that
    is a plain yes or no, so that content for it is shown even to somebody who never behaved so.
    An industry that is chosen too wins over the persona's.
    """
    if choice == BarChoice():
        return None
    attributes: dict[str, Value] = {}
    persona = plan.workspace.personas.get(choice.persona)
    if persona is not None:
        known: dict[str, Value] = {
            "persona": persona.name,
            "industry": persona.industry,
            "goals": list(persona.goals),
            "tools": list(persona.tools),
        }
        attributes |= {name: value for name, value in known.items() if value}
        for rule in persona.behaviour:
            name = rule.strip().removeprefix(_NOT).strip()
            attribute = plan.attributes.get(name)
            if attribute is not None and attribute.type is ValueType.BOOLEAN:
                attributes[name] = not rule.strip().startswith(_NOT)
    if choice.industry in plan.workspace.industries:
        attributes["industry"] = choice.industry
    return Preview(attributes=attributes)
