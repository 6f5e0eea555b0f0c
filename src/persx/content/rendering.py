"""Rendering: decided content becomes HTML, block by block; one that fails spoils no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from persx.content.art import art
from persx.content.blocks.cart import CartContents
from persx.content.blocks.quiz import QuizStep
from persx.content.declared import sandbox
from persx.content.icons import icon
from persx.content.money import money
from persx.content.safety import safe_href, sanitise, sanitise_template
from persx.content.types import BlockType
from persx.model.decision import Decision, Reason
from persx.model.errors import PersxError
from persx.model.workspace import DEFAULT

MAX_OUTPUT: Final = 400_000
"""Characters of HTML that one block of a declared type may become."""

_HEADING: Final = re.compile(r"<(/?)h([1-6])\b")


class RenderError(PersxError):
    """A block could not be rendered; `block` names it."""

    def __init__(self, block: str, cause: Exception) -> None:
        super().__init__(
            f"Block '{block}' could not be rendered: {type(cause).__name__}: {cause}",
            value=block,
            hint="Check the workspace with `persx check`.",
        )
        self.block = block


class FormWords(msgspec.Struct, frozen=True, kw_only=True):
    """What forms say by themselves, in the page's language."""

    optional: str = "optional"
    choose: str = "Please choose"
    trap: str = "Leave this empty"
    errors: str = "Please look at this again"


class FormAgain(msgspec.Struct, frozen=True, kw_only=True):
    """A form that is shown again, because something in it is not right.

    Attributes:
        errors: Field → what is wrong with it; the empty name stands for the form as a whole.
        values: Field → the answer to fill in again.
    """

    errors: Mapping[str, str] = {}
    values: Mapping[str, str] = {}


class RenderContext(msgspec.Struct, frozen=True, kw_only=True):
    """What blocks may know about the page around them.

    Attributes:
        locale: The language of the page.
        page: The page's name, as the forms on it send it.
        path: The page's path, where its forms lead back to.
        heading_level: The level of the block's own heading, 1 to 5.
        sent: Names of forms that were just sent: their thanks are shown in their place.
        csrf: A token that every form sends back; empty means none.
        words: What its forms say by themselves.
        again: Block name → its form, where that is shown again.
        quizzes: Block name → where the visitor is in that quiz.
        cart: What the visitor has in the cart; it is the same in every arm of an experiment.
        languages: Block name → the language of its texts, where it is not the page's.
        links: Block name → item → where a click on that recommendation leads.
    """

    locale: str = "en"
    page: str = ""
    path: str = "/"
    heading_level: int = 2
    sent: frozenset[str] = frozenset()
    csrf: str = ""
    words: FormWords = FormWords()
    again: Mapping[str, FormAgain] = {}
    quizzes: Mapping[str, QuizStep] = {}
    cart: CartContents = CartContents()
    languages: Mapping[str, str] = {}
    links: Mapping[str, Mapping[str, str]] = {}


class RenderedBlock(msgspec.Struct, frozen=True, kw_only=True):
    """One block of a page as HTML, and the decision that is shown after all."""

    decision: Decision
    markup: Markup


class RenderedPage(msgspec.Struct, frozen=True, kw_only=True):
    """The blocks of a page as HTML.

    Attributes:
        blocks: In order; a block of which not even the default content renders is left out, and
            one that says nothing.
        decisions: What is shown of every block, of those left out too.
        errors: What failed, for the log and the counters; empty when all went well.
        has_h1: Whether the first block carries the page's heading.
    """

    blocks: tuple[RenderedBlock, ...]
    decisions: tuple[Decision, ...] = ()
    errors: tuple[RenderError, ...] = ()
    has_h1: bool = False


class Renderer:
    """Renders blocks with the templates of their types; made once for each snapshot.

    Templates are compiled when they are first needed and kept. Every text is escaped.
    """

    def __init__(self, types: Mapping[str, BlockType]) -> None:
        self._types = types
        self._templates: dict[str, Template] = {}
        self._rich_text = lru_cache(maxsize=512)(_rich_text)
        self._trusted = Environment(
            autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
        )
        self._trusted.filters |= {
            "href": safe_href,
            "icon": icon,
            "art": art,
            "money": money,
            "rich_text": self._rich_text,
        }
        self._sandboxed = sandbox()

    def block(self, decision: Decision, *, context: RenderContext) -> Markup:
        """Return a decided block as a section of HTML; nothing where it has nothing to say.

        Raises:
            RenderError: Whatever went wrong; nothing else is raised.
        """
        try:
            return self._section(decision, context)
        except (RecursionError, MemoryError) as error:
            raise RenderError(decision.block, error) from None
        except Exception as error:
            raise RenderError(decision.block, error) from error

    def render_page(
        self,
        decisions: Sequence[Decision],
        fallback: Callable[[str], Mapping[str, Any] | None],
        *,
        context: RenderContext,
    ) -> RenderedPage:
        """Return all blocks of a page; where one fails, its default content is shown.

        The first block carries the page's ``<h1>`` if it has a heading; rich text has one if it
        holds an ``<h1>``. Otherwise no block does, and the page shows its title.

        Args:
            fallback: Gives a block's default content by the block's name, or None.
        """
        blocks: list[RenderedBlock] = []
        shown: list[Decision] = []
        errors: list[RenderError] = []
        first = msgspec.structs.replace(context, heading_level=1)
        for decision in decisions:
            if decision.reason is Reason.INVALID and not decision.content:
                # It was told when the snapshot was taken up.
                shown.append(decision)
                continue
            here = context if blocks else first
            try:
                markup = self.block(decision, context=here)
            except RenderError as error:
                errors.append(error)
                content = fallback(decision.block) or {}
                decision = msgspec.structs.replace(
                    decision, variant=DEFAULT, content=content, reason=Reason.ERROR
                )
                shown.append(decision)
                if not content:
                    continue
                try:
                    markup = self.block(decision, context=here)
                except RenderError as second:
                    errors.append(second)
                    continue
            else:
                shown.append(decision)
            if markup:
                blocks.append(RenderedBlock(decision=decision, markup=markup))
        has_h1 = bool(blocks) and "<h1" in blocks[0].markup
        return RenderedPage(
            blocks=tuple(blocks), decisions=tuple(shown), errors=tuple(errors), has_h1=has_h1
        )

    def _section(self, decision: Decision, context: RenderContext) -> Markup:
        type_ = self._types[decision.type]
        template = self._template(type_)
        inside = template.render(
            content=type_.view(decision.content, context.locale),
            block=decision.block,
            context=context,
            heading_level=context.heading_level,
        )
        if not type_.trusted:
            if len(inside) > MAX_OUTPUT:
                raise ValueError(f"the template gave {len(inside):,} characters")
            inside = sanitise_template(inside)
        elif not inside.strip():
            return Markup("")
        name, kind = escape(decision.block), escape(decision.type)
        language = context.languages.get(decision.block)
        lang = f' lang="{escape(language)}"' if language else ""
        return Markup(
            f'<section class="block block-{kind}" id="{name}" data-testid="block-{name}"'
            f' data-block="{name}" data-type="{kind}" data-variant="{escape(decision.variant)}"'
            f' data-reason="{escape(decision.reason.value)}"{lang}>\n{inside}\n</section>'
        )

    def _template(self, type_: BlockType) -> Template:
        template = self._templates.get(type_.name)
        if template is None:
            environment = self._trusted if type_.trusted else self._sandboxed
            template = environment.from_string(type_.template)
            self._templates[type_.name] = template
        return template


def _rich_text(html: str, heading_level: int = 2) -> Markup:
    """Return sanitised HTML whose headings fit the page: one h1 where one may be, or none."""
    clean = sanitise(html)
    if heading_level > 1:
        return Markup(_below(clean, heading_level))
    head, h1, rest = clean.partition("</h1>")
    return Markup(f"{head}{h1}{_below(rest, 2)}")


def _below(html: str, level: int) -> str:
    """Return the HTML with headings of a higher rank than `level` brought down to it."""
    return _HEADING.sub(lambda found: f"<{found[1]}h{max(int(found[2]), level)}", html)
