"""Links that may be followed and HTML that may stay: nothing a browser would run gets through."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.content.safety import (
    dropped_html,
    href_problem,
    safe_href,
    sanitise,
    sanitise_template,
)

GOOD = [
    "/contact",
    "/contact?sent=contact#contact",
    "#form",
    "?page=2",
    "about/team",
    "https://example.com/a:b",
    "http://example.com",
    "mailto:hello@example.com",
    "tel:+43123456",
    "HTTPS://EXAMPLE.COM",
    "/a:b",
]
BAD = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    " javascript:alert(1)",
    "\x01javascript:alert(1)",
    "\u2028javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "blob:x",
    "file:///etc/passwd",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://example.com/a b",
]


@pytest.mark.parametrize("href", GOOD)
def test_addresses_that_lead_somewhere_are_kept(href: str) -> None:
    assert href_problem(href) is None
    assert safe_href(href) == href


@pytest.mark.parametrize("href", BAD)
def test_addresses_that_run_or_mislead_are_refused(href: str) -> None:
    assert href_problem(href)
    assert safe_href(href) == "#"


@pytest.mark.parametrize(
    "html",
    [
        "<p>Plain</p>",
        "<p>Fish &amp; chips – «so» \"it\" 'is'</p>",
        '<p>Fish & chips, 5 &lt; 6<br/>next<br>last</p><a href="/x" title="t">l</a>',
        '<table><tbody><tr><td colspan="2">x</td></tr></tbody></table>',
        '<img src="/a.png" alt="" width="3" height="4">',
        "Text only",
        '<p lang="de">Hallo</p>\n\n<ul>\n<li>a</li>\n</ul>',
    ],
)
def test_html_that_is_kept_as_meant_is_not_complained_about(html: str) -> None:
    assert dropped_html(html) == []


@pytest.mark.parametrize(
    ("html", "dropped"),
    [
        ("<script>alert(1)</script>", "element <script>"),
        ("<p style='color:red'>a</p>", "attribute 'style' of <p>"),
        ("<img src=x onerror=alert(1)>", "attribute 'onerror' of <img>"),
        ("<a href='javascript:x'>a</a>", "address 'javascript:x' of <a>"),
        ("<iframe src='/x'></iframe>", "element <iframe>"),
        ("<!-- secret -->a", "a comment"),
        ("<form><input></form>", "element <form>"),
        ("<svg><script>x</script></svg>", "element <svg>"),
        ("<p>not closed", "tags that are not closed, nested or escaped as HTML asks"),
    ],
)
def test_what_is_dropped_has_a_name(html: str, dropped: str) -> None:
    assert dropped in dropped_html(html)


RUNS = re.compile(r"<\s*(script|style|iframe|object|embed)|<[^>]*\son\w+\s*=|javascript:", re.I)
pieces = st.lists(
    st.sampled_from(
        ["<script>", "</script>", "<p ", "<a href=", "onclick=x", "'", '"', ">", "<", "javascript:",
         "<svg", "<math>", "<style>", "<img src=x onerror=y>", "&lt;", "<!--", "-->", "a", " "]
    )
    | st.text(max_size=3),
    max_size=25,
).map("".join)  # fmt: skip


@given(pieces)
def test_sanitised_html_runs_nothing_and_is_stable(html: str) -> None:
    for clean in (sanitise(html), sanitise_template(html)):
        inside_tags = "".join(re.findall(r"<[^>]*>", clean))
        assert not RUNS.search(inside_tags), clean
    assert sanitise(sanitise(html)) == sanitise(html)
