"""What the site's script adds, in a real browser and under the site's content security policy."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from persx.web.site.views import (
    STATIC,
    IndustryChoice,
    Option,
    PageView,
    SiteContext,
    StartView,
    render,
)

pytestmark = pytest.mark.browser

SITE = SiteContext(brand="PersX.ai", state={"industry": "SaaS"})
PAGES = {
    "/": render(SITE, PageView(name="home", title="Home")),
    "/start": render(
        SITE,
        StartView(
            industries=tuple(
                IndustryChoice(
                    value=name,
                    label=name,
                    goals=(Option(value=f"goal of {name}", label=f"goal of {name}"),),
                    tools=(Option(value=f"tool of {name}", label=f"tool of {name}"),),
                )
                for name in ("SaaS", "Education")
            )
        ),
    ),
}
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Serve the pages; yields the address, and a list of what was posted."""
    posted: list[tuple[str, str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            file = STATIC / path.removeprefix("/static/")
            if path in PAGES:
                body, kind = PAGES[path].encode(), "text/html"
            elif path.startswith("/static/") and file.is_file():
                body, kind = file.read_bytes(), TYPES.get(file.suffix, "font/woff2")
            else:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header(
                "Content-Security-Policy", "default-src 'self'; script-src 'self'; style-src 'self'"
            )
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            posted.append((self.path, self.headers["Content-Type"], body))
            self.send_response(204)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", posted
    server.shutdown()
    server.server_close()
    thread.join()


def arrived(
    page: Any, posted: list[tuple[str, str, str]], path: str, count: int
) -> list[tuple[str, str]]:
    """The kinds and bodies that were posted to a path, once there are that many."""
    for _ in range(200):
        found = [(kind, body) for to, kind, body in posted if to == path]
        if len(found) >= count:
            return found
        page.wait_for_timeout(50)
    raise AssertionError(f"{len(found)} of {count} reports to {path} arrived in 10 s")


def test_state_errors_and_time_are_reported(
    browser: Any, site: tuple[str, list[tuple[str, str, str]]]
) -> None:
    address, posted = site
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(address)
    assert page.evaluate("sessionStorage.getItem('persx-state')") == '{"industry": "SaaS"}'
    assert complaints == []
    fails = """([kind, file]) => dispatchEvent(new ErrorEvent("error", {
        message: "maria@example.com", filename: file, lineno: 7,
        error: new window[kind]("maria@example.com"),
    }))"""
    page.evaluate(fails, ["TypeError", "https://elsewhere.example/widget.js"])
    page.evaluate("setTimeout(() => { throw new Error('of an extension') })")
    with page.expect_request("**/v1/client-error"):
        page.evaluate(fails, ["RangeError", f"{address}/static/site.js?v=abc"])
    for _ in range(20):
        page.evaluate(fails, ["TypeError", f"{address}/static/site.js?v=abc"])
    page.evaluate("new Promise((done) => setTimeout(done))")
    page.goto(address + "/start")
    reported = [json.loads(body) for _, body in arrived(page, posted, "/v1/client-error", 5)]
    # Beacons travel beside each other: the first to leave need not be the first to arrive.
    assert sorted(error["kind"] for error in reported) == ["RangeError", *["TypeError"] * 4]
    assert {(each["source"], each["line"]) for each in reported} == {("/static/site.js", 7)}
    assert "maria" not in str(reported), "what a visitor may have written stays in the browser"
    kind, body = arrived(page, posted, "/v1/beacon", 1)[0]
    beacon = json.loads(body)
    assert len(arrived(page, posted, "/v1/client-error", 5)) == 5, "five a page, however many"
    page.close()
    assert kind.startswith("text/plain")
    assert beacon["type"] == "time_on_page"
    assert (beacon["page"], beacon["path"]) == ("home", "/")
    assert 0 < beacon["seconds"] < 30


def test_the_start_form_shows_what_belongs_to_the_industry(
    browser: Any, site: tuple[str, list[tuple[str, str, str]]]
) -> None:
    page = browser.new_page()
    page.goto(site[0] + "/start")
    assert page.locator("fieldset.choices:visible").count() == 0
    page.get_by_label("SaaS", exact=True).check()
    assert page.get_by_label("goal of SaaS").is_visible()
    assert not page.get_by_label("goal of Education").is_visible()
    page.get_by_label("goal of SaaS").check()
    page.get_by_label("Education", exact=True).check()
    assert page.get_by_label("tool of Education").is_visible()
    sent = page.evaluate("[...new FormData(document.querySelector('form[data-start]'))]")
    assert ["industry", "Education"] in sent
    assert not [pair for pair in sent if pair[0] == "goals"], "hidden answers are not sent"
    page.close()


def test_without_scripts_too_the_industry_shows_its_choices(
    browser: Any, site: tuple[str, list[tuple[str, str, str]]]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site[0] + "/start")
    assert page.locator("fieldset.choices:visible").count() == 0
    page.get_by_label("SaaS", exact=True).check()
    assert page.get_by_label("goal of SaaS").is_visible()
    assert page.get_by_label("tool of SaaS").is_visible()
    assert page.locator("fieldset.choices:visible").count() == 2
    context.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("path", ["/", "/start"])
def test_nothing_is_wider_than_the_screen(
    browser: Any, site: tuple[str, list[tuple[str, str, str]]], width: int, path: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(site[0] + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
