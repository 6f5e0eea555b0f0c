"""Explaining: why a rule is true or false, for a visitor or for facts that are given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from persx.app.deciding import current_plan
from persx.app.services import Services
from persx.app.use_cases import UseCase
from persx.app.visiting import Visitor, known_of
from persx.audience.explain import Explanation, explain
from persx.audience.rules import check_rule
from persx.audience.schema import event_count_attribute
from persx.decide.plan import Plan
from persx.model.attribute import Attribute, Value
from persx.model.clock import Millis
from persx.model.errors import BadInput, NotFound, did_you_mean
from persx.model.event import IdentityKey, anonymous_key, user_key
from persx.model.visitor import Guess
from persx.visitors.derivation import derive
from persx.visitors.values import conform
from persx.workspace.snapshot import schema


class ExplainRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, and for whom: a visitor by id, facts by attribute, or both.

    Attributes:
        attributes: They lie over what is known of the visitor; None makes one unknown.
    """

    rule: str
    attributes: dict[str, Any] = {}
    anonymous_id: str = ""
    user_id: str = ""


async def explain_for_visitor(services: Services, request: ExplainRequest) -> Explanation:
    """Explain a rule with what is served now.

    Raises:
        BadInput: The rule is faulty, or an attribute is unknown or has another type.
        NotFound: Nothing is known of the visitor.
        Unavailable: Nothing is published yet.
    """
    await services.refresh()
    plan = current_plan(services)
    known: dict[str, Value] = {}
    guesses: Mapping[str, Guess] = {}
    if request.anonymous_id or request.user_id:
        visitor = Visitor(anonymous_id=request.anonymous_id, user_id=request.user_id, trusted=True)
        if not await services.store.seen_by(visitor.scope).states(visitor.identity):
            name = request.user_id or request.anonymous_id
            raise NotFound(f"Nothing is known of the visitor '{name}'.", value=name)
        profile = await known_of(services, plan, visitor)
        guesses = profile.guesses
        known = {
            **profile.attributes,
            "identified": any(each.startswith("u:") for each in profile.identities),
        }
    found = explain_rule(plan, request.rule, known, request.attributes, services.clock())
    if not guesses:
        return found
    reads = plan.program.reads(request.rule) - request.attributes.keys()
    return msgspec.structs.replace(
        found, guesses={name: guess for name, guess in guesses.items() if name in reads}
    )


def explain_rule(
    plan: Plan, rule: str, known: Mapping[str, Value], given: Mapping[str, Any], now: Millis
) -> Explanation:
    """Explain a rule of a workspace; hour, weekday and persona follow where they are not given.

    Args:
        known: What is known of the visitor.
        given: What lies over it, checked against the declared types.

    Raises:
        BadInput: The rule is faulty, or a given attribute is unknown or has another type.
    """
    workspace, names = plan.workspace, schema(plan.workspace)
    checked, _ = check_rule(rule, names)
    # A rule that is not published may count what nothing counts yet.
    counts = map(event_count_attribute, checked.counts if checked else ())
    declared = {
        **plan.attributes,
        **names.attributes,
        **{attribute.name: attribute for attribute in counts},
    }
    # What follows from other facts follows from those that are given too.
    derived = {each.name for each in plan.derivations} if given else set[str]()
    attributes: dict[str, Any] = {
        **{name: value for name, value in known.items() if name not in derived},
        **{name: _value(declared, name, value) for name, value in given.items()},
    }
    local = datetime.fromtimestamp(now / 1_000, plan.zone)
    attributes = {"hour": local.hour, "weekday": local.isoweekday()} | attributes
    derive(plan.derivations, attributes, now)
    if "persona" not in given:
        found = plan.personas.detect(attributes, now)
        attributes["persona"] = found.name if found else None
    audiences = {name: audience.when for name, audience in workspace.audiences.items()}
    return explain(rule, names, audiences, attributes, now)


def _value(declared: Mapping[str, Attribute], name: str, value: Any) -> Value:
    attribute = declared.get(name)
    if attribute is None:
        raise BadInput(
            f"Unknown attribute '{name}'.", value=name, hint=did_you_mean(name, declared)
        )
    fits = conform(value, attribute)
    if fits is None and value is not None:
        values = f", one of: {', '.join(attribute.values)}" if attribute.values else ""
        raise BadInput(
            f"'{name}' cannot be {value!r}.",
            value=value,
            hint=f"It is of the type {attribute.type.value}{values}.",
        )
    return fits


def _looked(request: ExplainRequest, _: Explanation) -> list[IdentityKey]:
    if request.user_id:
        return [user_key(request.user_id)]
    return [anonymous_key(request.anonymous_id)] if request.anonymous_id else []


EXPLAIN: Final = UseCase(
    "explain",
    ExplainRequest,
    Explanation,
    explain_for_visitor,
    notes=lambda *_: (),
    looked=_looked,
)
