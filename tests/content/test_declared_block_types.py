"""Block types that a workspace declares: what they may hold, and that they cannot do harm."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from persx.content.declared import DeclaredType
from persx.content.lint import check_block_type
from persx.content.rendering import RenderContext, Renderer, RenderError
from persx.content.types import block_types
from persx.model.decision import Decision
from persx.model.workspace import BlockTypeDocument, Workspace

SCHEMA = {
    "type": "object",
    "required": ["title"],
    "properties": {
        "title": {"type": "string"},
        "entries": {"type": "array", "items": {"type": "string"}},
    },
}
OPEN = {"type": "object", "additionalProperties": True}


def declare(template: str, schema: dict[str, Any] = SCHEMA) -> BlockTypeDocument:
    return BlockTypeDocument(name="faq", schema=schema, template=template)


def show(template: str, content: dict[str, Any], decided: Callable[..., Decision]) -> str:
    workspace = Workspace(block_types={"faq": declare(template, OPEN)})
    renderer = Renderer(block_types(workspace))
    return str(renderer.block(decided("faq", content), context=RenderContext()))


def test_a_declared_type_renders(decided: Callable[..., Decision]) -> None:
    template = """
    <h{{ heading_level }}>{{ content.title }}</h{{ heading_level }}>
    {% for entry in content.entries %}{% if loop.first %}<ul>{% endif %}
      <li class="n{{ loop.index }}">{{ entry | upper }}</li>
    {% if loop.last %}</ul>{% endif %}{% else %}<p>None</p>{% endfor %}
    {{ content.body | rich_text }}{{ "star" | icon }}<a href="{{ content.link | href }}">x</a>
    """
    assert check_block_type(declare(template)) == []
    html = show(
        template,
        {
            "title": "<b>",
            "entries": ["a&b", "c"],
            "body": "<p>x<script>y</script></p>",
            "link": "javascript:x",
        },
        decided,
    )
    assert "<h2>&lt;b&gt;</h2>" in html
    assert '<li class="n1">A&amp;B</li>' in html
    assert "<p>x</p>" in html
    assert "<svg" in html
    assert 'viewBox="0 0 24 24"' in html
    assert 'href="#"' in html


@pytest.mark.parametrize(
    "template",
    [
        "{{ content.title",
        "{% if x %}",
        "{% nope %}",
        "{{ content.title | nope }}",
        "{{ content.title is nope }}",
        "{{ titel }}",
        "{{ ().__class__.__bases__ }}{{ range(9) }}",
        "{{ content.items() }}",
        "{% set a = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{% include 'site/base.html' %}",
        "{% import 'x' as y %}",
        "{% extends 'site/base.html' %}",
        "{% block b %}{% endblock %}",
        "{{ 'a' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ content.title ~ content.title }}",
        "{{ content.title | center(1000000000) }}",
        "{{ content.title | replace('', content.title) }}",
        "{{ content.entries | join(content.title) }}",
        "{{ content.entries | map(attribute='__class__') }}",
        "{% for a in content.x recursive %}{% endfor %}",
        "{% for a in content.x %}{% for b in content.x %}{% for c in content.x %}"
        "{% endfor %}{% endfor %}{% endfor %}",
        "{% filter upper %}x{% endfilter %}",
        "x" * 30_000,
        "{{ " + "-" * 5_000 + "1 }}",
    ],
)
def test_templates_that_may_not_be(template: str) -> None:
    faults = check_block_type(declare(template))
    assert faults
    assert all(fault.path == "template" for fault in faults)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "array"}, "must be 'object'"),
        ({"type": "object", "properties": {"a": {"type": "strin"}}}, "strin"),
        ({"type": "object", "properties": {"a": {"$ref": "https://example.com/x"}}}, "Retrieval"),
        ({"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}, "Retrieval"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}}, "does not exist"),
        ({"type": "object", "properties": {"a": {"pattern": "(?=a)"}}}, "regex"),
    ],
)
def test_schemas_that_may_not_be(schema: dict[str, Any], words: str) -> None:
    (fault, *_) = check_block_type(declare("x", schema))
    assert fault.path.startswith("schema")
    assert words in fault.message
    assert DeclaredType(declare("x", schema)).check({"a": 1}) or "object" in words


def test_a_pattern_cannot_hang_the_check() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    started = time.perf_counter()
    faults = DeclaredType(declare("x", schema)).check({"a": "a" * 5_000 + "!"})
    assert [fault.path for fault in faults] == ["a"]
    assert time.perf_counter() - started < 2


def test_the_root_is_closed_unless_it_says_otherwise() -> None:
    assert [f.path for f in DeclaredType(declare("x")).check({"title": "t", "x": 1})] == ["x"]
    assert DeclaredType(declare("x", OPEN)).check({"title": "t", "x": 1}) == []


def test_lists_are_bounded() -> None:
    content = {"title": "t", "entries": ["a"] * 201}
    assert [fault.path for fault in DeclaredType(declare("x")).check(content)] == ["entries"]


@pytest.mark.parametrize(
    ("template", "gone"),
    [
        ("<a href={{ content.x }}>a</a>", "onmouseover"),
        ("<script>{{ content.x }}</script>", "<script"),
        ("<div onclick='{{ content.x }}'>a</div>", "onclick"),
        ("<style>{{ content.x }}</style>", "<style"),
        ("<iframe src='{{ content.x }}'></iframe>", "<iframe"),
        ("<a href='javascript:{{ content.x }}'>a</a>", "javascript:"),
        ("</section></main><p>{{ content.x }}", "</main>"),
    ],
)
def test_whatever_the_template_does_nothing_runs(
    template: str, gone: str, decided: Callable[..., Decision]
) -> None:
    html = show(template, {"x": "x onmouseover=alert(1)"}, decided)
    assert gone not in html.replace("&quot;", "").split("x onmouseover")[0] + html.split(">")[-2]
    assert html.count("</section>") == 1


@pytest.mark.parametrize(
    "template",
    [
        "{{ content.__class__.__mro__ }}",
        "{{ content.x.__init__.__globals__ }}",
        "{{ context.__class__.__init__.__globals__ }}",
    ],
)
def test_python_is_out_of_reach(template: str, decided: Callable[..., Decision]) -> None:
    try:
        html = show(template, {"x": "a"}, decided)
    except RenderError:
        return
    assert "class" not in html.split(">", 1)[1]
    assert "globals" not in html


def test_unchecked_content_beyond_the_bounds_is_a_render_error(
    decided: Callable[..., Decision],
) -> None:
    with pytest.raises(RenderError, match="200"):
        show("{% for a in content.x %}{{ a }}{% endfor %}", {"x": ["a"] * 100_000}, decided)
