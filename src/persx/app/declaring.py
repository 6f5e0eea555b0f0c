"""Declaring: what visitors tell about themselves, and the forms that they send."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from persx.app.collecting import collect_from
from persx.app.services import Services
from persx.app.signing import SignedState
from persx.app.visiting import Visitor, granted_to
from persx.decide.plan import Plan
from persx.model.attribute import Attribute, Purpose, Source, Value, ValueType
from persx.model.errors import BadInput, Forbidden, did_you_mean
from persx.model.event import FORM_SUBMITTED, EventType
from persx.visitors.consent import storable
from persx.visitors.fold import LONGEST_TEXT, MOST_TEXTS

MAX_ANSWER: Final = 5_000


def check_facts(plan: Plan, given: Mapping[str, object]) -> dict[str, Value]:
    """Return declared facts as the workspace's attributes want them; none forgets a fact.

    Raises:
        BadInput: An attribute that cannot be declared, or a value that it does not take.
    """
    declarable = {
        name: each for name, each in plan.attributes.items() if each.source is Source.DECLARED
    }
    facts: dict[str, Value] = {}
    for name, value in given.items():
        attribute = declarable.get(name)
        if attribute is None:
            raise BadInput(
                f"'{name}' cannot be declared.", value=name, hint=did_you_mean(name, declarable)
            )
        if value is None or value == "" or value == []:
            facts[name] = None
            continue
        wanted: dict[ValueType, Any] = {
            ValueType.STRING: str,
            ValueType.NUMBER: float,
            ValueType.BOOLEAN: bool,
            ValueType.TIME: int,
            ValueType.STRINGS: list[str],
        }
        try:
            fact: Value = msgspec.convert(value, wanted[attribute.type])
        except msgspec.ValidationError as error:
            raise BadInput(f"'{name}' must be of type {attribute.type}.", value=value) from error
        items = fact if isinstance(fact, list) else [fact]
        if len(items) > MOST_TEXTS or any(len(str(item)) > LONGEST_TEXT for item in items):
            raise BadInput(
                f"What was given for '{name}' is too long.",
                hint=f"At most {LONGEST_TEXT:,} characters are kept, and {MOST_TEXTS} entries.",
            )
        allowed = attribute.values
        for item in items:
            if allowed and item not in allowed:
                raise BadInput(
                    f"'{item}' is not a value of '{name}'.",
                    value=item,
                    hint=did_you_mean(str(item), allowed),
                )
        facts[name] = fact
    return facts


def declared_value(attribute: Attribute, texts: Sequence[str]) -> object:
    """Return what a form's texts mean for an attribute; nothing chosen or written forgets it.

    Yes and no are sent as such, and a list without closed values has one on each line.

    Raises:
        BadInput: It is no number, or neither yes nor no.
    """
    text = texts[0].strip() if texts else ""
    match attribute.type:
        case ValueType.STRINGS if not attribute.values:
            return [line.strip() for line in text.splitlines() if line.strip()]
        case ValueType.STRINGS:
            return [each for each in texts if each]
        case _ if not text:
            return None
        case ValueType.BOOLEAN:
            if text not in ("yes", "no"):
                raise BadInput(f"'{text[:80]}' is neither yes nor no.", value=text)
            return text == "yes"
        case ValueType.NUMBER:
            try:
                number = float(text.replace(",", "."))
            except ValueError as error:
                raise BadInput(f"'{text[:80]}' is not a number.", value=text) from error
            if not math.isfinite(number):
                raise BadInput(f"'{text[:80]}' is not a number that can be kept.", value=text)
            return number
        case _:
            return text


async def declare(
    services: Services, plan: Plan, visitor: Visitor, given: Mapping[str, object]
) -> SignedState:
    """Log what the visitor declares, and return the state that their cookie shall carry.

    What is forgotten (none) needs no permission; of somebody who allows no storage there is
    nothing that could be forgotten, and nothing is logged.

    Raises:
        BadInput: See `check_facts`.
        Forbidden: The visitor has not allowed personalization, or no storage at all.
    """
    facts = check_facts(plan, given)
    purposes = await granted_to(services, plan, visitor)
    told = [name for name, value in facts.items() if value is not None]
    personal = any(plan.attributes[name].purpose is not Purpose.NECESSARY for name in told)
    kept = storable(purposes)
    if (personal and Purpose.PERSONALIZATION not in purposes) or (told and not kept):
        raise Forbidden(
            "The visitor has not allowed personalization, so nothing they declare is kept.",
            hint="Ask them, and send their answer to POST /v1/consent first.",
        )
    if not kept:
        return SignedState(at=services.clock(), facts={})
    now = await collect_from(services, visitor, EventType.IDENTIFY, traits=dict(facts))
    carried: dict[str, Value] = {
        name: value for name, value in {**visitor.declared, **facts}.items() if value is not None
    }
    return SignedState(at=now, facts=carried)


async def submit_form(
    services: Services,
    visitor: Visitor,
    *,
    form: str,
    page: str,
    block: str,
    answers: Mapping[str, Sequence[str]],
    decision: Mapping[str, str],
) -> None:
    """Log a form's answers as an event; it is durable when this returns.

    Args:
        answers: Field name → values sent.
        decision: The visitor's variant and reason in the form's block, for the owner's list.
    """
    properties: dict[str, Any] = {
        "form": form,
        "page": page,
        "block": block,
        **decision,
        "answers": {
            name: values[0] if len(values) == 1 else list(values)
            for name, values in answers.items()
        },
    }
    await collect_from(
        services, visitor, EventType.TRACK, name=FORM_SUBMITTED, properties=properties
    )
