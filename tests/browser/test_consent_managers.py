"""Consent managers of the site's own, in a real browser: their signals become our purposes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from persx.demo import demo_folder
from tests.browser.visits import cookies_of, watch
from tests.conftest import Server, running

SETTINGS = """
consent:
  mode: opt_in
  banner: false
  categories:
    C0002: [analytics]
    C0003: [personalization]
    "tcf:1": [personalization, analytics, marketing]
    "tcf:4": [marketing]
    "tcf:6": [personalization]
    "tcf:8": [analytics]
    "gpp:sale": [marketing]
    "gpp:advertising": [marketing]
    "google:analytics_storage": [analytics]
    "google:personalization_storage": [personalization]
    "google:ad_storage": [marketing]
"""
TCF = """
  var listeners = [], purposes = {};
  window.__tcfapi = function (command, version, callback) {
    if (command !== "addEventListener" || version !== 2) return callback(null, false);
    listeners.push(callback);
    callback(told("cmpuishown"), true);
  };
  function told(status) {
    return {eventStatus: status, gdprApplies: true, tcfPolicyVersion: 5,
            purpose: {consents: purposes}};
  }
  window.answer = function (given) {
    purposes = given;
    listeners.forEach(function (each) { each(told("useractioncomplete"), true); });
  };
"""
GPP = """
  var listeners = [], ping = {signalStatus: "not ready", parsedSections: {}};
  window.__gpp = function (command, callback) {
    if (command === "ping") return callback(ping, true);
    listeners.push(callback);
  };
  window.answer = function (sections) {
    ping = {signalStatus: "ready", parsedSections: sections};
    listeners.forEach(function (each) { each({eventName: "signalStatus", data: "ready"}, true); });
  };
"""
GOOGLE = """
  window.dataLayer = [];
  window.gtag = function () { dataLayer.push(arguments); };
  gtag("consent", "default", {analytics_storage: "granted", ad_storage: "denied"});
  window.answer = function (given) { gtag("consent", "update", given); };
"""


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo on a site whose own consent manager asks."""
    folder = tmp_path_factory.mktemp("managed")
    workspace, home = folder / "workspace", folder / "home"
    shutil.copytree(Path(str(demo_folder("persx_ai"))), workspace)
    with (workspace / "settings.yaml").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    subprocess.run(
        [sys.executable, "-m", "persx", "publish", str(workspace), "--home", str(home)],
        check=True,
        capture_output=True,
    )
    with running(home) as server:
        yield server


@pytest.fixture
def shop(browser: Browser, managed: Server) -> Iterator[Callable[..., Page]]:
    """Pages of a shop beside persx on one host, with a manager of its own."""
    made = browser.new_context(base_url=managed.url)

    def open_page(manager: str = "", attributes: str = "") -> Page:
        html = (
            f"<!doctype html><title>Shop</title><script>{manager}</script>"
            f'<script src="/static/consent.js" {attributes}></script><h1>Shop</h1>'
        )
        made.route("**/shop", lambda route: route.fulfill(content_type="text/html", body=html))
        page = made.new_page()
        page.goto("/shop")
        return page

    yield open_page
    made.close()


def record(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.context.request.get("/v1/consent").json()
    return found


def granted(page: Page) -> set[str]:
    return {name for name, yes in record(page)["granted"].items() if yes}


@contextmanager
def answered(page: Page) -> Iterator[None]:
    """Wait until an answer has been taken."""
    with page.expect_response("**/v1/consent") as answer:
        yield
    assert answer.value.status == 200, answer.value.text()


def test_tcf_purposes_are_mapped(shop: Any) -> None:
    page = shop(TCF, 'data-from="tcf"')
    problems = watch(page)
    assert cookies_of(page.context) == {}, "nothing before an answer"
    with answered(page):
        page.evaluate("answer({1: true, 4: false, 6: true, 8: true})")
    assert granted(page) == {"necessary", "personalization", "analytics"}
    assert {"persx_consent", "persx_visitor"} == set(cookies_of(page.context))
    (said,) = record(page)["history"]
    assert (said["source"], said["version"]) == ("IAB TCF", "policy 5")
    # Without purpose 1, storage, nothing may be kept whatever else was granted.
    with answered(page):
        page.evaluate("answer({1: false, 4: true, 6: true, 8: true})")
    assert granted(page) == {"necessary"}
    assert list(cookies_of(page.context)) == ["persx_consent"]
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert problems == []


def test_a_manager_that_repeats_itself_on_every_page_is_one_answer(shop: Any) -> None:
    page = shop(TCF, 'data-from="tcf"')
    for _ in range(3):
        with answered(page):
            page.evaluate("answer({1: true, 4: true, 6: true, 8: true})")
        page.evaluate("answer({1: true, 4: true, 6: true, 8: true})")
        page.goto("/shop")
    assert len(record(page)["history"]) == 1


def test_gpp_opt_outs_are_mapped(shop: Any) -> None:
    page = shop(GPP, 'data-from="gpp"')
    page.evaluate("persx.consent({personalization: true, analytics: true, marketing: true})")
    with answered(page):
        page.evaluate(
            "answer({usnat: [{SaleOptOut: 2, TargetedAdvertisingOptOut: 1}, {Gpc: false}],"
            " usca: {SaleOptOut: 2}})"
        )
    assert granted(page) == {"necessary", "personalization", "analytics"}
    assert record(page)["history"][-1]["source"] == "IAB GPP"


def test_google_consent_mode_is_mapped_and_defaults_are_no_answer(shop: Any) -> None:
    page = shop(GOOGLE, 'data-from="google"')
    page.wait_for_load_state("networkidle")
    assert granted(page) == {"necessary"}
    assert cookies_of(page.context) == {}
    with answered(page):
        page.evaluate(
            "answer({analytics_storage: 'granted', personalization_storage: 'granted',"
            " ad_storage: 'denied'})"
        )
    assert granted(page) == {"necessary", "personalization", "analytics"}
    assert page.evaluate("dataLayer.length") == 2, "others find everything in it"


def test_any_other_manager_calls_a_function(shop: Any) -> None:
    page = shop()
    told = page.evaluate(
        "persx.consentCategories({C0001: true, C0002: true, C0003: false}, {source: 'ours'})"
    )
    assert told == {
        "necessary": True, "analytics": True, "personalization": False, "marketing": False
    }  # fmt: skip
    page.evaluate("persx.consent({marketing: true, personalization: true}, {version: '7'})")
    assert granted(page) == {"necessary", "analytics", "personalization", "marketing"}
    event = page.evaluate(
        """() => new Promise(done => {
            document.addEventListener("persx-consent", event => done(event.detail.analytics));
            persx.consent({analytics: false});
        })"""
    )
    assert event is False


def test_what_cannot_be_taken_is_told_and_breaks_nothing(shop: Any) -> None:
    page = shop()
    problems = watch(page)
    assert page.evaluate("persx.consentCategories({C9999: true})") is None
    assert page.evaluate("persx.consent({analytics: 'yes'})") is None
    assert any("None of these categories stands for a purpose" in each for each in problems)
    assert page.evaluate("persx.consent({analytics: true})")["analytics"] is True
