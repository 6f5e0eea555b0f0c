"""Block type contact_form: reasons to write, the form itself, and the thanks after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Line, Text
from persx.content.schema import join
from persx.model.errors import Fault

RESERVED: Final = frozenset({"page", "block", "next", "website", "csrf", "sent"})
"""Names that the form itself sends; `website` is the trap for programs that fill in everything."""

FieldName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
FormName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]*$", max_length=40)]


class ReasonToWrite(Content, frozen=True, kw_only=True):
    """One reason to get in touch, in the reader's own terms.

    Attributes:
        title: The outcome.
        description: How it comes about.
    """

    title: Line
    description: Text


class FormField(Content, frozen=True, kw_only=True):
    """One question of the form; a select has options.

    Attributes:
        name: What the answer is called in events and exports.
        label: The question.
        type: What the answer looks like.
        required: Whether the form is refused without it.
        options: The answers that a select offers.
    """

    name: FieldName
    label: Line
    type: Literal["text", "email", "tel", "textarea", "select"] = "text"
    required: bool = False
    options: Annotated[tuple[Line, ...], msgspec.Meta(max_length=50)] = ()


FIELDS: Final = (
    FormField(name="name", label="Name", required=True),
    FormField(name="email", label="Work e-mail", type="email", required=True),
    FormField(name="company", label="Company"),
    FormField(name="message", label="What would you like to improve?", type="textarea"),
)
"""The questions of a form that does not say its own."""


class ContactForm(Content, frozen=True, kw_only=True):
    """What a contact form says and asks.

    Attributes:
        headline: Why to write, as a question or a promise.
        reasons: What the visitor gains.
        intro: What happens after writing.
        form: What the form is called in the events that it sends.
        fields: The questions; name, e-mail, company and message unless it says others.
        submit_label: What the button says.
        thanks: What stands in the form's place afterwards.
    """

    headline: Line
    reasons: Annotated[tuple[ReasonToWrite, ...], msgspec.Meta(min_length=3, max_length=7)]
    intro: Text = ""
    form: FormName = "contact"
    fields: Annotated[tuple[FormField, ...], msgspec.Meta(min_length=1, max_length=20)] = FIELDS
    submit_label: Line = "Send"
    thanks: Text = "Thank you. We will be in touch within one working day."


class _ContactFormType(BuiltinType):
    def problems(self, content: Mapping[str, Any], path: str) -> Iterator[Fault]:
        fields = content.get("fields")
        seen: set[str] = set()
        for index, field in enumerate(fields if isinstance(fields, list | tuple) else ()):
            if not isinstance(field, Mapping):
                continue
            place = join(path, "fields", index)
            name = field.get("name")
            if isinstance(name, str):
                if name in RESERVED:
                    yield Fault(
                        path=join(place, "name"),
                        value=name,
                        message=f"The form needs the name '{name}' for itself.",
                        hint="Choose another one.",
                    )
                if name in seen:
                    yield Fault(
                        path=join(place, "name"),
                        value=name,
                        message=f"Two fields are called '{name}'.",
                        hint="Each answer needs a name of its own.",
                    )
                seen.add(name)
            if (field.get("type") == "select") != bool(field.get("options")):
                yield Fault(
                    path=join(place, "options"),
                    message="A select has options, and nothing else has.",
                    hint="Add options, or change the type.",
                )


CONTACT_FORM = _ContactFormType(
    "contact_form", "Three to seven reasons to write, and a form.", ContactForm, __file__
)
