"""Rendering: escaped always, labelled always, and one bad block spoils no page."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from persx.content.blocks import BLOCK_TYPES
from persx.content.blocks.cart import CartContents, CartLine
from persx.content.blocks.quiz import QuizOption, QuizStep
from persx.content.rendering import FormAgain, RenderContext, Renderer, RenderError
from persx.model.decision import Decision, Reason

HOSTILE = (
    "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{1234*9}}{% raw %}\u202e</section>"
)
VOID = {"input", "br", "img", "hr", "path", "circle", "rect", "line", "polyline", "ellipse"}


class Page(HTMLParser):
    """The elements of a piece of HTML, and whether its tags are balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another"


def with_hostile_texts(value: Any, key: str = "") -> Any:
    """Return content with every text made hostile that a schema leaves free."""
    if key in {"name", "type", "form", "layout", "attribute", "icon", "unit", "id", "currency",
               "art", "match", "anchor"}:  # fmt: skip
        return value
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, list):
        return [with_hostile_texts(entry, key) for entry in value]
    if isinstance(value, dict):
        return {name: with_hostile_texts(entry, name) for name, entry in value.items()}
    return value


@pytest.mark.parametrize("name", BLOCK_TYPES.names)
def test_a_section_says_what_it_is(
    name: str, samples: dict[str, Any], decided: Callable[..., Decision], renderer: Renderer
) -> None:
    html = renderer.block(decided(name, samples[name]), context=RenderContext())
    tag, attributes = Page(html).tags[0]
    assert tag == "section"
    assert attributes == {
        "class": f"block block-{name}",
        "id": "main-block",
        "data-testid": "block-main-block",
        "data-block": "main-block",
        "data-type": name,
        "data-variant": "saas",
        "data-reason": "targeted",
    }


@pytest.mark.parametrize("name", BLOCK_TYPES.names)
def test_every_text_of_the_content_is_shown(
    name: str, samples: dict[str, Any], decided: Callable[..., Decision], renderer: Renderer
) -> None:
    hidden = {"icon", "tags", "rank_by", "attribute", "layout", "unit", "thanks", "done_message",
              "questions", "link_label", "link_href"}  # fmt: skip
    hidden |= {"art", "currency", "match", "code", "added_label", "empty", "free_label"}
    hidden |= {"wrong_code", "shop_label"}
    if name == "recommendations":
        # Its items are ranked later; see test_recommended_items.py.
        hidden |= {"pipeline", "anchor", "instead", "categories", "add_label"}
    content = {
        **samples[name],
        **({"message": "It is on its way"} if "message" in samples[name] else {}),
    }
    line = CartLine(id="shoe", name="Shoe", price=10, pieces=1)
    context = RenderContext(cart=CartContents(lines=(line,)))
    html = renderer.block(decided(name, content), context=context)

    def texts(value: Any, key: str = "") -> list[str]:
        if key in hidden or (name == "collection" and key == "title" and value == "D"):
            return []
        if isinstance(value, str):
            return [value]
        if isinstance(value, list):
            return [text for entry in value for text in texts(entry, key)]
        if isinstance(value, dict):
            return [text for each, entry in value.items() for text in texts(entry, each)]
        return []

    if name == "collection":
        content["items"] = content["items"][:3]
    if name == "products":
        content["products"] = content["products"][:2]
    for text in texts(content):
        assert text.replace("&", "&amp;") in html, text


@pytest.mark.parametrize("name", BLOCK_TYPES.names)
def test_hostile_texts_come_out_escaped(
    name: str, samples: dict[str, Any], decided: Callable[..., Decision], renderer: Renderer
) -> None:
    good = Page(renderer.block(decided(name, samples[name]), context=RenderContext()))
    content = with_hostile_texts(samples[name])
    bad = decided(name, content)
    html = renderer.block(bad, context=RenderContext(page=HOSTILE, path=HOSTILE, csrf=HOSTILE))
    page = Page(html)
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "style"}
    for _, attributes in page.tags:
        assert not [each for each in attributes if each.startswith("on")]
        assert not str(attributes.get("href", "")).lower().startswith(("javascript:", '"'))
    if name != "rich_text":
        assert [tag for tag, _ in page.tags if tag != "input"] == [
            tag for tag, _ in good.tags if tag != "input"
        ]
        assert "&lt;script&gt;" in html
        assert "{{1234*9}}" in html
    assert "11106" not in html


def test_a_quiz_shows_one_question_or_its_thanks(
    samples: dict[str, Any], decided: Callable[..., Decision], renderer: Renderer
) -> None:
    step = QuizStep(
        question="role",
        text=HOSTILE,
        hint=HOSTILE,
        kind="one",
        options=(QuizOption(value=HOSTILE, label=HOSTILE),),
        position=2,
        of=3,
        progress="Question 2 of 3",
        note=HOSTILE,
        back="javascript:alert(1)",
        later="Not now",
        problem=HOSTILE,
    )
    quiz = decided("quiz", samples["quiz"])

    def shown(step: QuizStep) -> str:
        context = RenderContext(quizzes={"main-block": step}, csrf="token", page="home")
        html = renderer.block(quiz, context=context)
        Page(html)
        return html

    html = shown(step)
    assert "<script" not in html
    assert "javascript:" not in html
    assert "Question 2 of 3" in html
    assert "That was all." not in html
    for kind in ("many", "number", "text"):
        written = shown(msgspec.structs.replace(step, kind=kind))
        assert ("checkbox" in written) == (kind == "many")
        assert ('type="number"' in written) == (kind == "number")
    done = shown(QuizStep(of=3, position=4, change="Change"))
    assert "That was all." in done
    assert "See ideas" in done
    assert "<form" not in done


def test_hostile_names_come_out_escaped(
    samples: dict[str, Any], decided: Callable[..., Decision], renderer: Renderer
) -> None:
    html = renderer.block(decided("cta", samples["cta"], block=HOSTILE), context=RenderContext())
    assert "<script" not in html
    assert Page(html).tags[0][1]["data-block"] == HOSTILE


def test_optional_fields_leave_no_empty_elements(
    samples: dict[str, Any], decided: Callable[..., Decision], renderer: Renderer
) -> None:
    for name in BLOCK_TYPES.names:
        schema = BLOCK_TYPES[name].json_schema()
        required = schema["$defs"][schema["$ref"].rpartition("/")[2]]["required"]
        content = {field: samples[name][field] for field in required}
        html = renderer.block(decided(name, content), context=RenderContext())
        Page(html)
        assert not re.search(r"<(p|h\d|ul|dl|li|a|span|button|label)[^>]*>\s*</\1>", html), name


def test_the_form_sends_what_the_server_expects(
    samples: dict[str, Any], decided: Callable[..., Decision], renderer: Renderer
) -> None:
    context = RenderContext(page="contact", path="/contact?x=1", csrf="token")
    page = Page(renderer.block(decided("contact_form", samples["contact_form"]), context=context))
    form = next(attributes for tag, attributes in page.tags if tag == "form")
    assert (form["method"], form["action"], form["id"]) == ("post", "/forms/contact", "contact")
    fields = {a["name"]: a for _, a in page.tags if "name" in a}
    assert set(fields) == {
        "name", "email", "topic", "message", "website", "page", "block", "next", "csrf",
    }  # fmt: skip
    assert (fields["page"]["value"], fields["next"]["value"]) == ("contact", "/contact?x=1")
    assert fields["block"]["value"] == "main-block"
    assert "required" in fields["email"]
    assert "required" not in fields["message"]
    labelled = {a["for"] for tag, a in page.tags if tag == "label"}
    shown = {
        a["id"] for _, a in page.tags if "name" in a and a.get("type") != "hidden" and "id" in a
    }
    assert {
        f"main-block-{name}" for name in ("name", "email", "topic", "message", "website")
    } == shown
    assert shown == labelled
    assert any(a.get("data-testid") == "contact-reasons" for _, a in page.tags)


def test_after_sending_the_thanks_stand_in_the_forms_place(
    samples: dict[str, Any], decided: Callable[..., Decision], renderer: Renderer
) -> None:
    decision = decided("contact_form", samples["contact_form"])
    html = renderer.block(decision, context=RenderContext(sent=frozenset({"contact"})))
    assert "Thank you." in html
    assert "<form" not in html
    assert 'id="contact"' in html
    other = renderer.block(decision, context=RenderContext(sent=frozenset({"newsletter"})))
    assert "<form" in other


def test_answers_and_errors_come_back(
    samples: dict[str, Any], decided: Callable[..., Decision], renderer: Renderer
) -> None:
    html = renderer.block(
        decided("contact_form", samples["contact_form"]),
        context=RenderContext(
            again={
                "main-block": FormAgain(
                    errors={"": "Not from here.", "email": "Please write your <e-mail>."},
                    values={"name": '"Ann"', "topic": "B", "message": "</textarea>"},
                )
            }
        ),
    )
    assert html.count("Please write your &lt;e-mail&gt;.") == 2, (
        "above the form and beside the field"
    )
    assert '<a href="#main-block-email">Please write' in html
    assert html.count('aria-invalid="true" aria-describedby="main-block-email-error"') == 1
    assert 'id="main-block-email-error"' in html
    assert "<li>Not from here.</li>" in html
    assert 'value="&#34;Ann&#34;"' in html
    assert '<option value="B" selected>' in html
    assert "&lt;/textarea&gt;</textarea>" in html


@pytest.mark.parametrize(
    ("order", "first"),
    [
        (["hero", "feature_grid", "collection", "contact_form"], 1),
        (["contact_form", "hero", "cta", "rich_text"], 1),
        (["rich_text", "cta", "collection"], 2),
        (["testimonial", "hero", "offer"], 2),
        (["progress_bar", "feature_grid"], 2),
    ],
)
def test_the_first_block_carries_the_h1_or_none_does(
    order: list[str],
    first: int,
    samples: dict[str, Any],
    decided: Callable[..., Decision],
    renderer: Renderer,
) -> None:
    page = renderer.render_page(
        [decided(name, samples[name]) for name in order], lambda _: None, context=RenderContext()
    )
    levels = [int(n) for block in page.blocks for n in re.findall(r"<h(\d)", block.markup)]
    assert page.has_h1 == (first == 1)
    assert levels[0] == first
    assert levels.count(1) == (first == 1)
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize(
    ("html", "level", "expected"),
    [
        ("<h2>a</h2><h2>b</h2>", 1, "<h2>a</h2><h2>b</h2>"),
        ("<h1>a</h1><h1>b</h1>", 1, "<h1>a</h1><h2>b</h2>"),
        ('<p>x</p><h1 id="a">a</h1>', 1, '<p>x</p><h1 id="a">a</h1>'),
        ("<h1>a</h1><h3>b</h3>", 2, "<h2>a</h2><h3>b</h3>"),
        ("<p>none</p>", 1, "<p>none</p>"),
    ],
)
def test_headings_of_rich_text_fit_the_page(
    html: str, level: int, expected: str, decided: Callable[..., Decision], renderer: Renderer
) -> None:
    shown = renderer.block(
        decided("rich_text", {"html": html}), context=RenderContext(heading_level=level)
    )
    assert expected in shown


def test_an_empty_page_has_no_heading(renderer: Renderer) -> None:
    page = renderer.render_page([], lambda _: None, context=RenderContext())
    assert (page.blocks, page.has_h1) == ((), False)


@pytest.mark.parametrize(
    ("type", "content"),
    [
        ("hero", {"headline": "only"}),
        ("nope", {}),
        ("cta", None),
        ("collection", {"headline": "h", "items": "x"}),
        ("progress_bar", {}),
    ],
)
def test_a_block_that_fails_raises_one_kind_of_error(
    type: str, content: Any, decided: Callable[..., Decision], renderer: Renderer
) -> None:
    with pytest.raises(RenderError, match="main-block") as caught:
        renderer.block(decided(type, content), context=RenderContext())
    assert caught.value.block == "main-block"


def test_a_broken_variant_falls_back_to_default_content(
    samples: dict[str, Any], decided: Callable[..., Decision], renderer: Renderer
) -> None:
    decisions = [
        decided("hero", {"headline": "Broken"}, block="opening"),
        decided("cta", samples["cta"], block="end"),
        decided("cta", {}, block="gone"),
    ]
    defaults = {"opening": samples["hero"], "gone": {"still": "broken"}}
    page = renderer.render_page(decisions, defaults.get, context=RenderContext())
    assert [block.decision.block for block in page.blocks] == ["opening", "end"]
    shown = page.blocks[0].decision
    assert (shown.variant, shown.reason) == ("default", Reason.ERROR)
    assert samples["hero"]["headline"] in page.blocks[0].markup
    assert 'data-reason="error"' in page.blocks[0].markup
    assert [error.block for error in page.errors] == ["opening", "gone", "gone"]


def test_arranged_content_renders_too(
    samples: dict[str, Any], decided: Callable[..., Decision], renderer: Renderer
) -> None:
    content = BLOCK_TYPES["progress_bar"].arrange(samples["progress_bar"], {"cart.value": 40})
    html = renderer.block(decided("progress_bar", dict(content)), context=RenderContext())
    assert "$60 of $100 to go, $40 so far" in html
    assert '<progress value="0.4" max="1"' in html
