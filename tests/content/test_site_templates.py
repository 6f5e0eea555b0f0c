"""The site's templates: each renders from its typed view, is accessible, and escapes everything."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from markupsafe import Markup

from persx.web.site.asking_views import (
    PreferenceField,
    PreferenceSection,
    PreferencesView,
    ToldFact,
)
from persx.web.site.views import (
    STATIC,
    AdminBar,
    AnyView,
    Asking,
    AudienceView,
    BlockWhyView,
    ChoicesView,
    ConsentView,
    EditView,
    EraseView,
    ErrorView,
    FactView,
    IndustryChoice,
    KnownView,
    Link,
    Option,
    PageView,
    PageWhyView,
    PersonaView,
    PrivacyView,
    PurposeChoice,
    SiteContext,
    StartView,
    asset,
    render,
)
from persx.web.site.words import ENGLISH, WORDS, words

OPTIONS = tuple(
    Option(value=name, label=name, selected=name == "SaaS")
    for name in ("eCommerce", "Healthcare", "SaaS", "Financial Services", "Education")
)
CONSENT = ConsentView(
    title="Your data",
    text="May we?",
    choices=(
        PurposeChoice(value="analytics", label="Statistics", text="Counted", granted=True),
        PurposeChoice(value="marketing", label="Offers", text="Offered", note="Off"),
    ),
    version="1",
    next="/blog",
)
SITE = SiteContext(
    brand="PersX.ai",
    tagline="The right page",
    footer="A demonstration",
    path="/blog?locale=de",
    navigation=(Link(label="Home", href="/"), Link(label="Blog", href="/blog", current=True)),
    locales=(
        Link(label="English", href="?locale=en", lang="en", current=True),
        Link(label="Deutsch", href="?locale=de", lang="de"),
    ),
    asking=Asking(question="Still SaaS?", why="One click.", name="industry", options=OPTIONS),
    admin=AdminBar(industries=OPTIONS, personas=OPTIONS, locales=OPTIONS, forced=True),
    state={"industry": "SaaS", "goals": ["</script><b>"]},
    csrf="token",
)
PAGE = PageView(
    name="blog",
    title="Blog",
    description="Posts",
    blocks=(Markup("<section><h1>Posts</h1></section>"),),
    has_h1=True,
    exposure_url="/v1/x/abc",
    canonical="https://example.com/blog",
)
START = StartView(
    industries=tuple(
        IndustryChoice(
            value=option.value,
            label=option.label,
            description="What it is",
            selected=option.selected,
            goals=(Option(value="Reduce churn", label="Reduce churn", selected=option.selected),),
            tools=(Option(value="Segment", label="Segment"),),
        )
        for option in OPTIONS
    ),
    next="/contact",
    errors={"industry": "Choose your industry."},
)
KNOWN = KnownView(
    facts=tuple(
        FactView(
            label=f"Fact {kind}",
            value="SaaS",
            name=kind,
            source="You said so" if kind else "From your visits",
            purpose="this site",
            since="since 1 May 2026",
            used=kind != "none",
            uses=("It can change 3 places.",),
            blocks=("home-hero",),
            edit=EditView(kind=kind, value="x", options=OPTIONS) if kind else None,
        )
        for kind in ("start", "text", "lines", "one", "many", "none", "")
    ),
    audiences=(AudienceView(name="readers", description="They read."),),
    persona=PersonaView(label="The growth lead", description="Runs growth."),
    receipts=(
        PageWhyView(
            href="/v1/decisions/1a2b",
            title="Home",
            when="1 May 2026, 12:00",
            blocks=(
                BlockWhyView(
                    name="home-hero", title="Less churn", variant="saas", reason="targeted",
                    why="It fits:", facts=("Industry: SaaS",), rule='industry == "SaaS"',
                ),
                BlockWhyView(
                    name="note", title="Note", variant="default", reason="no_match", why="No."
                ),
            ),
        ),
    ),
)  # fmt: skip
PRIVACY = PrivacyView(known=KNOWN, erase_href="/privacy/erase", done="Saved.")
PREFERENCES = PreferencesView(
    about_you=(ToldFact(label="Industry", value="SaaS"), ToldFact(label="Goals")),
    sections=tuple(
        PreferenceSection(
            purpose=purpose,
            title="What we write",
            text="Topics",
            fields=tuple(
                PreferenceField(
                    name=f"{purpose}-{kind}",
                    label=f"Question {kind}",
                    hint="Why",
                    kind=kind,
                    value="" if kind in ("one", "many") else "7",
                    options=OPTIONS if kind in ("one", "many") else (),
                    problem="Wrong" if purpose == "marketing" else "",
                )
                for kind in ("one", "many", "number", "text")
            ),
            note="By saving you allow this." if purpose == "marketing" else "",
            saved=purpose == "personalization",
        )
        for purpose in ("personalization", "marketing")
    ),
)
VIEWS: dict[str, AnyView] = {
    "page": PAGE,
    "page without heading": PageView(name="x", title="Only a title", blocks=(Markup("<p>x</p>"),)),
    "article": msgspec.structs.replace(PAGE, layout="article"),
    "article without heading": msgspec.structs.replace(
        PAGE, layout="article", has_h1=False, blocks=(Markup("<p>x</p>"),)
    ),
    "choices": ChoicesView(consent=CONSENT, done="Done.", offer="a1b2"),
    "start": START,
    "start that allows": msgspec.structs.replace(START, allows=True),
    "start again": msgspec.structs.replace(START, errors={}, updating=True),
    "privacy": PRIVACY,
    "nothing known": PrivacyView(problem="This was not saved."),
    "generic content": PrivacyView(known=msgspec.structs.replace(KNOWN, generic=True)),
    "preferences": PREFERENCES,
    "nothing to prefer": PreferencesView(problem="Not saved."),
    "erase": EraseView(),
    "nothing to erase": EraseView(known=False),
    "not found": ErrorView(status=404),
    "error": ErrorView(status=500, message="", reference="01J8"),
}
VOID = {"input", "br", "img", "hr", "meta", "link", "path", "circle", "rect"}
BARE = SiteContext(brand="Bare", beacons=False)


class Document(HTMLParser):
    """The elements of a page, with the ids that labels point to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.wrapped: set[int] = set()
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if "label" in self.open:
            self.wrapped.add(len(self.tags))
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(params=VIEWS)
def view(request: pytest.FixtureRequest) -> AnyView:
    return VIEWS[request.param]


@pytest.mark.parametrize("site", [SITE, BARE], ids=["full", "bare"])
def test_every_page_is_accessible_and_needs_nothing_inline(
    site: SiteContext, view: AnyView
) -> None:
    page = Document(render(site, view))
    assert page.all("html") == [{"lang": "en"}]
    for landmark in ("main", "header", "footer", "title"):
        assert page.all(landmark), landmark
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1
    ids = Counter(a["id"] for _, a in page.tags if "id" in a)
    assert [name for name, n in ids.items() if n > 1] == []
    for _, attributes in page.tags:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
    for script in page.all("script"):
        assert script.get("src") or script.get("type") == "application/json"
    assert page.all("style") == []
    named = {a.get("aria-label") or a.get("aria-labelledby") for a in page.all("nav")}
    assert None not in named
    labels = {a.get("for") for a in page.all("label")}
    for index, (tag, attributes) in enumerate(page.tags):
        if tag in {"select", "textarea"} or (tag == "input" and attributes.get("type") != "hidden"):
            assert attributes.get("id") in labels or index in page.wrapped, attributes
        if tag == "img":
            assert "alt" in attributes
    for form in page.all("form"):
        assert form["method"] == "post"
    if site.csrf:
        tokens = [a for a in page.all("input") if a.get("name") == "csrf"]
        assert len(tokens) == len(page.all("form"))


def test_the_skip_link_comes_first_and_leads_to_the_content(view: AnyView) -> None:
    page = Document(render(SITE, view))
    assert page.all("a")[0]["href"] == "#content"
    assert page.all("main")[0]["id"] == "content"


def test_the_page_that_is_shown_is_marked() -> None:
    current = [a["href"] for a in Document(render(SITE, PAGE)).all("a") if "aria-current" in a]
    assert current == ["/blog", "?locale=en"]


def test_the_exposure_image_is_there_only_where_something_is_exposed() -> None:
    (image,) = Document(render(SITE, PAGE)).all("img")
    assert (image["src"], image["width"], image["height"], image["alt"]) == (
        "/v1/x/abc", "1", "1", "",
    )  # fmt: skip
    assert not Document(render(SITE, msgspec.structs.replace(PAGE, exposure_url=None))).all("img")


def test_forms_post_where_the_server_listens() -> None:
    page = Document(render(SITE, START))
    assert [form["action"] for form in page.all("form")] == [
        "/admin/bar", "/privacy/answer", "/start",
    ]  # fmt: skip
    names = Counter(a["name"] for a in page.all("input") if "name" in a)
    asked = {"name": 1, "suggestion": 1}
    assert names == {"industry": 5, "goals": 5, "tools": 5, "next": 3, "csrf": 3, **asked}
    assert {a["name"] for a in page.all("select")} == {"industry", "persona", "locale"}
    buttons = [(a.get("name"), a.get("value")) for a in page.all("button")]
    assert {("action", "apply"), ("action", "reset"), ("action", "exit")} < set(buttons)
    assert {("value", option.value) for option in OPTIONS} < set(buttons)
    checked = {a["value"] for a in page.all("input") if "checked" in a}
    assert checked == {"SaaS", "Reduce churn"}


def test_the_banner_asks_with_forms_that_say_no_as_easily_as_yes() -> None:
    page = Document(render(msgspec.structs.replace(BARE, consent=CONSENT), PAGE))
    assert [form["action"] for form in page.all("form")] == ["/privacy/consent"] * 2
    asked = [(a.get("name"), a.get("value")) for a in page.all("button")]
    assert asked == [("action", "reject"), ("action", "accept"), ("action", "save")]
    boxes = {a["value"]: "checked" in a for a in page.all("input") if a.get("type") == "checkbox"}
    assert boxes == {"analytics": True, "marketing": False}
    assert [a["value"] for a in page.all("input") if a.get("name") == "next"] == ["/blog"] * 2
    assert not Document(render(BARE, PAGE)).all("form")


def test_frame_parts_appear_only_where_they_are_meant() -> None:
    html = render(BARE, PAGE)
    for part in ("admin-bar", "reprompt", "persx-state", "data-beacons", "csrf"):
        assert f'"{part}"' not in html
        assert part not in re.sub(r"<link[^>]*>|<script[^>]*>", "", html)
    known = render(msgspec.structs.replace(SITE, industry="SaaS", asking=None), PAGE)
    assert 'data-testid="industry-chip"' in known
    assert 'href="/start"' in known


@pytest.mark.parametrize("kind", ["one", "many", "number", "text"])
def test_a_short_question_can_be_answered_or_put_aside(kind: str) -> None:
    options = OPTIONS if kind in ("one", "many") else ()
    asking = Asking(
        question="What do you work on?", why="So that it fits.", name="role", options=options,
        action="/preferences/answer", kind=kind, testid="question", send="Send", later="Not now",
    )  # fmt: skip
    page = Document(render(msgspec.structs.replace(BARE, asking=asking), PAGE))
    (form,) = page.all("form")
    assert form["action"] == "/preferences/answer"
    hidden = {a["name"]: a["value"] for a in page.all("input") if a.get("type") == "hidden"}
    assert hidden == {"name": "role", "next": "/"}
    buttons = [(a.get("name"), a.get("value")) for a in page.all("button")]
    assert buttons[-1] == ("action", "later")
    assert len(buttons) == (1 + len(OPTIONS) if kind == "one" else 2)
    fields = [a["type"] for a in page.all("input") if a["name"] == "value"]
    assert fields == {"one": [], "many": ["checkbox"] * 5}.get(kind, [kind])


def test_the_state_is_data_that_cannot_end_its_script() -> None:
    html = render(SITE, PAGE)
    (state,) = re.findall(r'id="persx-state">(.*?)</script>', html)
    assert msgspec.json.decode(state) == SITE.state
    assert "<" not in state


HOSTILE = "\"'><script>alert(1)</script>{{1234*9}}</title></main>"


def hostile(value: Any) -> Any:
    """Return a view with every text replaced, except words of the frame and addresses."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return HOSTILE
    if isinstance(value, tuple):
        return tuple(hostile(entry) for entry in value)
    if isinstance(value, dict):
        return {key: hostile(entry) for key, entry in value.items()}
    if isinstance(value, msgspec.Struct) and type(value) is not type(ENGLISH):
        kept = {"layout", "start_path", "privacy_path"}
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return type(value)(**{k: v if k in kept else hostile(v) for k, v in fields.items()})
    return value


def test_hostile_texts_stay_texts(view: AnyView) -> None:
    good = Document(render(SITE, view))
    html = render(hostile(SITE), hostile(view))
    bad = Document(html)
    assert len(bad.all("script")) == len(good.all("script"))
    assert len(bad.all("main")) == 1
    assert "11106" not in html
    for _, attributes in bad.tags:
        assert not [name for name in attributes if name.startswith("on")]
    for link in bad.all("a"):
        assert "script" not in str(link["href"]).lower() or link["href"] == HOSTILE


def alike(here: msgspec.Struct, there: msgspec.Struct) -> list[str]:
    """The words that two languages say alike, nested ones too."""
    found = []
    for name in here.__struct_fields__:
        mine, other = getattr(here, name), getattr(there, name)
        if isinstance(mine, msgspec.Struct):
            found += alike(mine, other)
        elif mine == other:
            found.append(name)
    return found


@pytest.mark.parametrize("locale", WORDS)
def test_every_language_has_every_word(locale: str) -> None:
    here = words(locale)
    if locale != "en":
        assert alike(here, ENGLISH) == []
    assert words("xx") is ENGLISH
    html = render(msgspec.structs.replace(SITE, words=here, locale=locale), START)
    assert here.start_title in html.replace("&#39;", "'")


def test_assets_are_named_by_their_content() -> None:
    assert re.fullmatch(r"/static/site\.css\?v=[0-9a-f]{10}", asset("site.css"))
    html = render(SITE, PAGE)
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', html):
        assert address == asset(address.removeprefix("/static/").partition("?")[0])
    for sheet in STATIC.glob("*.css"):
        for name, version in re.findall(r'url\("([^"?]+)\?v=([^"]+)"\)', sheet.read_text("utf-8")):
            assert asset(name) == f"/static/{name}?v={version}"
    assert (STATIC / "site.js").stat().st_size < 4_096
