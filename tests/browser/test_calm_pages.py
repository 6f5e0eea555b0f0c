"""Pages are finished when they arrive: nothing flickers, shifts, overflows, or asks elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.visits import INDUSTRIES, OWN_PATHS, PATHS, admin, visit, watch

CONTENT = """html => {
  const text = (document) => document.querySelector("main").textContent;
  const sent = new DOMParser().parseFromString(html, "text/html");
  return [text(sent), text(document), sent.querySelectorAll("main *").length,
          document.querySelectorAll("main *").length];
}"""

SHIFT = """() => new Promise(resolve => {
  let sum = 0;
  new PerformanceObserver(list => list.getEntries().forEach(each => { sum += each.value; }))
    .observe({type: "layout-shift", buffered: true});
  requestAnimationFrame(() => setTimeout(() => resolve(sum), 30));
})"""

LONGEST_SHIFT = 0.02
"""A tenth of what counts as poor: a font that is swapped in moves lines by a pixel."""

STUDIO = [
    "/admin",
    "/admin/attributes",
    "/admin/submissions",
    "/admin/rejected",
    "/admin/visitors",
    "/admin/data-protection",
    "/admin/report/holdout",
    "/admin/blocks",
    "/admin/experiments",
]


@pytest.mark.parametrize("industry", ["", "Healthcare"], ids=["unknown", "known"])
def test_pages_arrive_finished_and_stay_so(
    browser: Browser, demo_server: Any, industry: str
) -> None:
    with visit(browser, demo_server.url, industry=industry) as page:
        problems = watch(page)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for path in [*PATHS, *OWN_PATHS]:
            response = page.goto(path, wait_until="load")
            assert response is not None
            before, after, elements, later = page.evaluate(CONTENT, response.text())
            assert before == after, path
            assert elements == later, path
            assert page.evaluate(SHIFT) < LONGEST_SHIFT, path
            if path not in PATHS and response.status == 404:
                # The browser itself complains about the page that is not there.
                assert [each for each in problems if "404" not in each] == []
                problems.clear()
            assert problems == [], path
        elsewhere = [url for url in asked if not url.startswith((demo_server.url, "data:"))]
        assert elsewhere == []


def test_the_studio_asks_nobody_else_either(browser: Browser, demo_server: Any) -> None:
    with admin(browser, demo_server) as page:
        problems = watch(page)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for path in STUDIO:
            page.goto(path, wait_until="load")
        assert problems == []
        assert [url for url in asked if not url.startswith((demo_server.url, "data:"))] == []


def assert_fits(page: Page, path: str) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        wide, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= screen, f"{path} in the {scheme}"


@pytest.mark.parametrize(("locale", "width"), [("en-US", 360), ("de-AT", 360), ("de-AT", 768)])
def test_no_page_is_wider_than_a_phone(
    browser: Browser, demo_server: Any, locale: str, width: int
) -> None:
    screen = {"width": width, "height": 780}
    with visit(
        browser, demo_server.url, industry="Financial Services", viewport=screen, locale=locale
    ) as page:
        for path in [*PATHS, *OWN_PATHS]:
            page.goto(path)
            assert_fits(page, path)


@pytest.mark.parametrize("industry", ["", *INDUSTRIES], ids=["unknown", *INDUSTRIES])
def test_the_widest_words_of_an_industry_fit_a_phone(
    browser: Browser, demo_server: Any, industry: str
) -> None:
    screen = {"width": 360, "height": 780}
    with visit(browser, demo_server.url, industry=industry, viewport=screen, locale="de") as page:
        for path in ("/", "/contact", "/test-ideas"):
            page.goto(path)
            assert_fits(page, path)


def test_the_studio_fits_a_phone(browser: Browser, demo_server: Any) -> None:
    with admin(browser, demo_server, viewport={"width": 360, "height": 780}) as page:
        for path in [*STUDIO, "/admin/report/none", "/", "/contact"]:
            page.goto(path)
            assert_fits(page, path)
