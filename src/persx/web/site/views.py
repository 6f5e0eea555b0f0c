"""What the site's templates are given: one typed view for each, and how they become HTML."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from persx.content.icons import icon
from persx.content.safety import safe_href
from persx.web.site.asking_views import Asking, PreferencesView
from persx.web.site.view import CartLink, Link, Option, View
from persx.web.site.words import ENGLISH, Words

__all__ = ["Asking", "Link", "Option", "PreferencesView", "View"]

STATIC: Final = Path(__file__).parents[1] / "static"
"""The folder that is served at ``/static``."""

_TEMPLATES: Final = Path(__file__).parents[1] / "templates"


class AdminBar(View, frozen=True, kw_only=True):
    """The bar with which a signed-in admin looks at the site as somebody else.

    It posts to ``/admin/bar``: `industry`, `persona` and `locale` (empty means as it is), `next`,
    and `action`, which is ``apply``, ``reset`` (see it as oneself) or ``exit`` (no bar).

    Attributes:
        industries, personas, locales: What may be chosen, without the empty choice.
        forced: Whether something is chosen now: what is shown exposes nothing.
        studio: Where the studio is.
        csrf: What the form sends back as `csrf`.
    """

    industries: tuple[Option, ...] = ()
    personas: tuple[Option, ...] = ()
    locales: tuple[Option, ...] = ()
    forced: bool = False
    studio: str = "/admin"
    csrf: str = ""


class PurposeChoice(View, frozen=True, kw_only=True):
    """A purpose that a visitor may grant or deny.

    Attributes:
        label: What it is called, such as Statistics.
        text: What is done with the data, in one sentence.
        granted: Whether it is granted now.
        note: Where and when it was answered, or why it holds; may be empty.
    """

    value: str
    label: str
    text: str
    granted: bool = False
    note: str = ""


class ConsentView(View, frozen=True, kw_only=True):
    """The question what the visitor's data may be used for, as a banner or on a page.

    Its form posts to ``/privacy/consent``: `action` (``accept``, ``reject``, or ``save`` with
    `purposes`, one for each granted), `next` and `version`.

    Attributes:
        title, text: What the workspace's banner says, in the visitor's language.
        version: The text that is shown; it is kept with the answer.
        next: Where to go afterwards.
        gpc: The browser asks not to have data sold or shared.
    """

    title: str
    text: str
    choices: tuple[PurposeChoice, ...]
    version: str = ""
    next: str = "/"
    gpc: bool = False


class SiteContext(View, frozen=True, kw_only=True):
    """What every page of the site is framed with.

    Attributes:
        brand: The workspace's name.
        tagline: One line that stands in the footer.
        footer: The workspace's footer text.
        path: The path with its query, as forms send it back in `next`.
        locale: The language of the page, for ``<html lang>``.
        words: The frame's own texts in that language.
        navigation: Pages that have a navigation label, in order.
        locales: A link for each locale; none or one shows no switch.
        industry: The label of the visitor's industry; empty while it is unknown.
        asking: The one question to the visitor, in the slim bar; None asks nothing.
        admin: The admin's bar, for the signed-in admin only.
        state: What the script keeps in the session storage (the first of the three storage
            layers): the bearer's industry, goals, tools and persona. None keeps nothing.
        csrf: A token that every form sends back as `csrf`; empty means none.
        beacons: Whether the script may report time on the page.
        start_path, privacy_path, choices_path, preferences_path: Where those pages are.
        cart: The visitor's cart, with the number of pieces in it; None where nothing is sold.
        consent: The banner that asks what data may be used for; none where it was answered.
        simulated: Simulated visitors are in the home, and every screen says so.
    """

    brand: str
    tagline: str = ""
    footer: str = ""
    path: str = "/"
    locale: str = "en"
    words: Words = ENGLISH
    navigation: tuple[Link, ...] = ()
    locales: tuple[Link, ...] = ()
    industry: str = ""
    asking: Asking | None = None
    admin: AdminBar | None = None
    state: Mapping[str, Any] | None = None
    csrf: str = ""
    beacons: bool = True
    start_path: str = "/start"
    privacy_path: str = "/privacy"
    choices_path: str = "/privacy/choices"
    why_path: str = ""
    preferences_path: str = "/preferences"
    cart: CartLink | None = None
    consent: ConsentView | None = None
    simulated: bool = False


class ChoicesView(View, frozen=True, kw_only=True):
    """The page "Privacy choices": what is granted now, and the way to change it.

    Attributes:
        consent: The question, filled in with what holds now.
        done, problem: What has just been done, or could not be.
        offer: The name of an offer to erase what was kept; who has just withdrawn gets one.
    """

    template: ClassVar[str] = "site/choices.html"

    consent: ConsentView
    done: str = ""
    problem: str = ""
    offer: str = ""


class PageView(View, frozen=True, kw_only=True):
    """A page of the workspace.

    Attributes:
        name: The page's name in the workspace.
        blocks: The rendered blocks, in order.
        has_h1: Whether a block carries the page's heading; else the title does: shown with the
            description above an article, and only heard on other pages.
        problems: What is wrong with a form that is shown again, each with a link to the field;
            only shown where no script leads to the form.
        exposure_url: The image that confirms the exposure; None where nothing is exposed.
        canonical: Absolute address of the page, where known.
        quiz: Whether a quiz is among the blocks.
    """

    template: ClassVar[str] = "site/page.html"

    name: str
    title: str
    description: str = ""
    layout: str = "standard"
    blocks: tuple[Markup, ...] = ()
    has_h1: bool = False
    problems: tuple[Link, ...] = ()
    exposure_url: str | None = None
    canonical: str = ""
    quiz: bool = False


class IndustryChoice(View, frozen=True, kw_only=True):
    """An industry of the start form with the goals and tools that it offers."""

    value: str
    label: str
    description: str = ""
    selected: bool = False
    goals: tuple[Option, ...] = ()
    tools: tuple[Option, ...] = ()


class StartView(View, frozen=True, kw_only=True):
    """The start form. It posts `industry`, `goals`, `tools` and `next` to ``/start``.

    Attributes:
        next: The path to go to afterwards.
        errors: Field (``industry``, ``goals``, ``tools``) → what is wrong with it.
        updating: Whether the visitor has answered before.
        allows: Whether sending it allows personalization, which it then has to say.
    """

    template: ClassVar[str] = "site/start.html"

    industries: tuple[IndustryChoice, ...]
    next: str = "/"
    errors: Mapping[str, str] = {}
    updating: bool = False
    allows: bool = False


class EditView(View, frozen=True, kw_only=True):
    """How a fact is corrected.

    Attributes:
        kind: ``start`` (on the start form), ``text``, ``lines`` (one text on each), ``one`` or
            ``many`` of `options`, or ``none``: it can only be deleted.
        value: What is filled in.
    """

    kind: str = "text"
    value: str = ""
    options: tuple[Option, ...] = ()


class FactView(View, frozen=True, kw_only=True):
    """One fact that is known, as a person reads it. Facts of one source stand together.

    Attributes:
        since: Since when it is known.
        used: Whether its purpose is allowed; else it is only kept.
        uses: Sentences on what it decides.
        blocks: Names of the blocks that it may change.
        edit: How the visitor may correct it; None where they cannot.
        guessed: It is a guess: there is nothing to delete, and what they say takes its place.
    """

    label: str
    value: str
    name: str = ""
    source: str = ""
    purpose: str = ""
    since: str = ""
    used: bool = True
    uses: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    edit: EditView | None = None
    guessed: bool = False


class AudienceView(View, frozen=True, kw_only=True):
    """An audience that the visitor is in."""

    name: str
    description: str = ""


class PersonaView(View, frozen=True, kw_only=True):
    """The persona that the visitor is taken for."""

    label: str
    description: str = ""


class BlockWhyView(View, frozen=True, kw_only=True):
    """Why one block showed what it showed.

    Attributes:
        title: The words by which a visitor recognises it.
        why: The reason as a sentence.
        facts: The facts on which it hung.
        rule: The rule that decided, as it is written; empty where none did.
    """

    name: str
    title: str
    variant: str
    reason: str
    why: str
    facts: tuple[str, ...] = ()
    rule: str = ""


class PageWhyView(View, frozen=True, kw_only=True):
    """Why a page was as it was: the receipt of one decision.

    Attributes:
        href: Where the receipt can be had as JSON; empty where its reader may not.
    """

    title: str
    when: str
    href: str = ""
    blocks: tuple[BlockWhyView, ...] = ()


class KnownView(View, frozen=True, kw_only=True):
    """What is known of a visitor, for themselves or for somebody of the team.

    Attributes:
        receipts: The pages they saw last, newest first.
        older_href, older_note: Where, and in which words, one may look further back.
        carried: Nothing may be written down of them; each page says by itself why it is so.
        generic: Whether they want generic content.
        lang: The language of audiences and personas, where it is not the page's.
    """

    facts: tuple[FactView, ...] = ()
    audiences: tuple[AudienceView, ...] = ()
    persona: PersonaView | None = None
    receipts: tuple[PageWhyView, ...] = ()
    carried: bool = False
    older_href: str = ""
    older_note: str = ""
    generic: bool = False
    lang: str = ""


class PrivacyView(View, frozen=True, kw_only=True):
    """The visitor's own page: what is known of them, and what they can do about it.

    Its forms post to the page's own path with `action`: ``correct`` (`name`, `value`), ``delete``
    (`name`), ``generic`` (`value`: yes or no), ``reset`` (start over).

    Attributes:
        export_href: Where everything can be had as JSON.
        erase_href: Where everything can be erased.
        consent: What may be used for what; none where nobody is asked.
        done: What has just been carried out, as a sentence.
        problem: Why something was not.
    """

    template: ClassVar[str] = "site/privacy.html"

    known: KnownView = KnownView()
    export_href: str = "/v1/me"
    erase_href: str = "/privacy/erase"
    consent: ConsentView | None = None
    done: str = ""
    problem: str = ""


class EraseView(View, frozen=True, kw_only=True):
    """The question whether everything shall be erased; it posts to its own path.

    Attributes:
        known: Whether anything is kept of the visitor at all.
    """

    template: ClassVar[str] = "site/erase.html"

    known: bool = True
    export_href: str = "/v1/me"


class ErrorView(View, frozen=True, kw_only=True):
    """A page for what went wrong: `status` 404 says so, everything else is on our side.

    `reference` helps support find the request in the log.
    """

    template: ClassVar[str] = "site/error.html"

    status: int
    message: str = ""
    reference: str = ""


AnyView: TypeAlias = (
    PageView | StartView | PrivacyView | ChoicesView | EraseView | ErrorView | PreferencesView
)


@cache
def asset(name: str) -> str:
    """Return the address of a static file, which changes when the file does.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={digest}"


@cache
def environment() -> Environment:
    """Return the environment of the site's templates: autoescaping, and strict about names."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    made.globals["asset"] = asset
    made.filters |= {"href": safe_href, "icon": icon}
    return made


def render(site: SiteContext, view: View) -> str:
    """Return a whole HTML page: the frame of the site around a view."""
    template = environment().get_template(view.template)
    return template.render(site=site, view=view, words=site.words)
