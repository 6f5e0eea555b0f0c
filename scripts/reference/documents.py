"""The reference of the workspace's documents, and of the words that decisions and events use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from persx.model import event
from persx.model.attribute import Attribute, Computation, Purpose, Source, ValueType
from persx.model.decision import Reason
from persx.model.health import Objective
from persx.model.question import QuestionDocument
from persx.model.workspace import (
    Arm,
    Audience,
    Block,
    BlockTypeDocument,
    Currency,
    Experiment,
    Goal,
    HoldoutSettings,
    Industry,
    Locale,
    Metric,
    Page,
    Persona,
    PersonaSettings,
    Schedule,
    Settings,
    Strategy,
    Target,
    Variant,
)
from scripts.reference.structs import fields, markdown_table, summary, table

DOCUMENTS: Final[tuple[tuple[str, str, tuple[type[msgspec.Struct], ...]], ...]] = (
    ("Settings", "`settings.yaml`", (Settings, HoldoutSettings, PersonaSettings)),
    ("Attributes", "`attributes.yaml`: name → document", (Attribute, Computation)),
    ("Industries", "`industries.yaml`: name → document", (Industry,)),
    ("Locales", "`locales.yaml`: code → document", (Locale,)),
    ("Audiences", "`audiences.yaml`: name → document, or name → rule for short", (Audience,)),
    ("Personas", "`personas.yaml`: name → document", (Persona,)),
    ("Blocks", "`blocks/NAME.yaml`; `variants` maps name → variant", (Block, Variant, Schedule)),
    ("Block types", "`block_types/NAME.yaml`", (BlockTypeDocument,)),
    ("Pages", "`pages/NAME.yaml`", (Page,)),
    (
        "Experiments",
        "`experiments/KEY.yaml`; `arms` maps name → {weight, show}, or name → show for short",
        (Experiment, Arm),
    ),
    ("Goals", "`goals.yaml`: name → document", (Goal,)),
    ("Metrics", "`metrics.yaml`: name → document", (Metric,)),
    ("Currencies", "`currencies.yaml`: code → document", (Currency,)),
    ("Targets", "`targets.yaml`: name → document", (Target,)),
    ("Questions", "`questions.yaml`: name → document", (QuestionDocument,)),
    ("Objectives", "`objectives.yaml`: name → document", (Objective,)),
    ("Strategies", "`strategies.yaml`: name → document", (Strategy,)),
)

PURPOSES: Final = {
    Purpose.NECESSARY: "The site cannot work without it; nobody is asked.",
    Purpose.ANALYTICS: "Counting and measuring.",
    Purpose.PERSONALIZATION: "Choosing what this visitor sees.",
    Purpose.MARKETING: "Advertising and messages; `Sec-GPC: 1` denies it.",
}

SOURCES: Final = {
    Source.DECLARED: "The visitor said so, in a form or through `identify`.",
    Source.COMPUTED: "Folded from events.",
    Source.PREDICTED: "A model's estimate; a declared value beats it.",
    Source.CONTEXTUAL: "From the request at hand.",
    Source.DERIVED: "The first of its `cases` that holds of what else is kept of the visitor.",
}

REASONS: Final = {
    Reason.TARGETED: "The block's policy chose the first variant whose rule holds.",
    Reason.ARM: "An experiment's arm names this content.",
    Reason.LEARNED: "The policy drew it with published probabilities.",
    Reason.HOLDOUT: "The visitor is in the holdout's generic arm.",
    Reason.FORCED: "A preview asked for it; it exposes nothing.",
    Reason.DISABLED: "An experiment's arm, or the visitor, asks for default content.",
    Reason.NO_MATCH: "No variant's rule holds.",
    Reason.NO_CONSENT: "A rule needs an attribute whose purpose is not granted.",
    Reason.UNKNOWN_VISITOR: "Nothing is known of the visitor that a rule could read.",
    Reason.INVALID: "The block or its content cannot be used.",
    Reason.ERROR: "Something went wrong; it is counted, and the visitor sees the default.",
}

EVENT_TYPES: Final = {
    event.EventType.IDENTIFY: "Who the visitor is: traits become declared facts.",
    event.EventType.TRACK: "Something the visitor did, by name, with properties.",
    event.EventType.PAGE: "A page view.",
    event.EventType.SCREEN: "An app's screen.",
    event.EventType.GROUP: "The account that the visitor belongs to.",
    event.EventType.ALIAS: "Two identities are one.",
}


def workspace_documents() -> str:
    """Return the page on the files of a workspace."""
    parts = [
        "A workspace is a folder of YAML files. `persx check DIR` tells every fault at once.\n",
        "Unknown fields are faults. A duration is a number and a unit: `30s`, `30m`, `24h`, "
        "`90d`, `2w`.\n",
    ]
    for title, where, structs in DOCUMENTS:
        parts.append(f"## {title}\n\nIn {where}.\n")
        for position, struct in enumerate(structs):
            if position:
                parts.append(f"### {_spaced(struct.__name__)}\n")
            parts.append(f"{summary(struct)}\n")
            parts.append(table(struct, leave_out=frozenset({"name", "key", "code"})))
    return "\n".join(parts)


def words() -> str:
    """Return the page on closed sets: value types, sources, purposes, reasons, event types."""
    return "\n".join(
        (
            "## Value types\n",
            ", ".join(f"`{kind}`" for kind in ValueType) + ". A time is epoch milliseconds.\n",
            "## Sources of attributes\n",
            _terms(SOURCES),
            "## Purposes\n",
            _terms(PURPOSES),
            "## Reasons of decisions\n",
            _terms(REASONS),
            "From `no_match` on the visitor sees default content that another reason might have "
            "replaced: these are *fallbacks*.\n",
            "## Event types\n",
            _terms(EVENT_TYPES),
            "## Events that persx reads by name\n",
            _terms(
                {
                    event.EXPOSURE: "From this event on a visitor counts in an experiment's "
                    "analysis.",
                    event.FORM_SUBMITTED: "A form block sends it; its properties hold the answers.",
                }
            ),
            "## What an event holds\n",
            table(event.Event),
        )
    )


def undescribed() -> list[str]:
    """Return the fields of workspace documents whose meaning nobody wrote down."""
    return [
        f"{struct.__name__}.{field.name}"
        for _, _, structs in DOCUMENTS
        for struct in structs
        for field in fields(struct)
        if not field.meaning
    ]


def _terms(terms: Mapping[Any, str]) -> str:
    return markdown_table(("word", "meaning"), [(f"`{k}`", v) for k, v in terms.items()])


def _spaced(name: str) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
