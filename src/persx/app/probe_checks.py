"""What is missing: probes ask for it, and look whether the site still answers as it promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from persx.app.probe_browser import Answered, Browser, PageParser
from persx.model.decision import Reason
from persx.model.errors import PersxError
from persx.model.probe import ANYONE, BROKEN, ProbeCell, ProbeCheck, ProbeVisitor, Walk

NOWHERE: Final = "probe-asks-for-what-is-missing"
"""A name that no workspace has: of a page, an industry, a block."""

_GARBAGE: Final = "not-signed-by-anybody"
COOKIES: Final = ("persx_visitor", "persx_state", "persx_consent", "persx_link", "persx_asked")


class _Check:
    """One check that is being made: requests add up their time, and the first fault stands."""

    def __init__(self, asked: str, promised: str) -> None:
        self.asked, self.promised = asked, promised
        self.milliseconds, self.fault = 0.0, ""

    def ask(self, send: Callable[[], Answered]) -> Answered | None:
        try:
            answered = send()
        except PersxError as error:
            self.fault = self.fault or str(error)
            return None
        self.milliseconds = round(self.milliseconds + answered.milliseconds, 1)
        return answered

    def expect(self, holds: bool, fault: str) -> None:
        if not holds:
            self.fault = self.fault or fault

    def page(self, browser: Browser, visitor: ProbeVisitor, *paths: str) -> None:
        """Expect each page of a visitor, or some, to be there, with every block and none broken."""
        for stop in visitor.stops:
            if paths and stop.path not in paths:
                continue
            answered = self.ask(lambda path=stop.path: browser.get(path))  # type: ignore[misc]
            if answered is None:
                continue
            self.expect(answered.status == 200, f"{stop.path} answers {answered.status}.")
            seen = {each.block: each.reason for each in PageParser(answered.text).blocks}
            for block in stop.blocks:
                reason = seen.get(block.block, "not in the page")
                self.expect(
                    block.block in seen and reason not in BROKEN,
                    f"Block '{block.block}' of {stop.path}: {reason}.",
                )

    @property
    def made(self) -> ProbeCheck:
        return ProbeCheck(
            asked=self.asked,
            promised=self.promised,
            milliseconds=self.milliseconds,
            fault=self.fault,
        )


def missing_things(
    url: str, mark: str, walk: Walk, cells: Sequence[ProbeCell]
) -> Iterator[ProbeCheck]:
    """Ask for what is missing, one thing after the other.

    Args:
        cells: What was seen of what is there.
    """
    anyone = next((each for each in walk.visitors if each.name == ANYONE), None)
    with Browser(url, mark) as browser:
        yield _unknown_page(browser)
        if walk.industries:
            yield _unknown_industry(browser)
            yield _without_scripts(browser, walk)
    if anyone is not None:
        with Browser(url, mark) as browser:
            yield _unknown_link(browser, anyone)
        with Browser(url, mark) as browser:
            yield _without_cookies(browser, anyone)
        with Browser(url, mark, dict.fromkeys(COOKIES, _GARBAGE)) as browser:
            yield _broken_cookies(browser, anyone)
    with Browser(url, mark) as browser:
        yield _unknown_block(browser, walk)
        yield _unknown_page_of_the_api(browser, walk)
    yield from _without_variant(walk, cells)


def _unknown_page(browser: Browser) -> ProbeCheck:
    check = _Check("a page that does not exist", "a page of the site that says so (404)")
    if answered := check.ask(lambda: browser.get(f"/{NOWHERE}")):
        check.expect(answered.status == 404, f"It answers {answered.status} instead of 404.")
        check.expect("<main" in answered.text, "The answer is no page of the site.")
    return check.made


def _unknown_industry(browser: Browser) -> ProbeCheck:
    check = _Check("an industry that does not exist", "the start form again, with what is wrong")
    if answered := check.ask(lambda: browser.send_form("/start", {"industry": NOWHERE})):
        check.expect(answered.status == 422, f"It answers {answered.status} instead of 422.")
        check.expect("/start" in PageParser(answered.text).sendable, "The form is not there.")
        check.expect("persx_state" not in browser.cookies, "The industry was taken all the same.")
    return check.made


def _without_scripts(browser: Browser, walk: Walk) -> ProbeCheck:
    check = _Check("the start form without JavaScript", "every industry, and a button that sends")
    if answered := check.ask(lambda: browser.get("/start")):
        form = PageParser(answered.text)
        check.expect(answered.status == 200, f"It answers {answered.status}.")
        lacking = [each for each in walk.industries if each not in form.offered]
        check.expect(not lacking, f"It does not offer {', '.join(lacking)}.")
        check.expect("/start" in form.sendable, "It cannot be sent without scripts.")
    return check.made


def _unknown_link(browser: Browser, anyone: ProbeVisitor) -> ProbeCheck:
    check = _Check("a link with an industry that does not exist", "the page, generic")
    first = anyone.stops[0] if anyone.stops else None
    if first and (answered := check.ask(lambda: browser.get(f"{first.path}?industry={NOWHERE}"))):
        seen = {each.block: each.variant for each in PageParser(answered.text).blocks}
        check.expect(answered.status == 200, f"It answers {answered.status}.")
        for block in first.blocks:
            shown = seen.get(block.block, "nothing")
            check.expect(
                shown == block.variant
                or block.reason in (Reason.ARM, Reason.HOLDOUT, Reason.INVALID),
                f"Block '{block.block}' shows '{shown}' instead of '{block.variant}'.",
            )
    return check.made


def _without_cookies(browser: Browser, anyone: ProbeVisitor) -> ProbeCheck:
    check = _Check("every page without cookies", "the page, with every block")
    for stop in anyone.stops:
        browser.cookies.clear()
        check.page(browser, anyone, stop.path)
    return check.made


def _broken_cookies(browser: Browser, anyone: ProbeVisitor) -> ProbeCheck:
    check = _Check("a page with cookies that nobody signed", "the page, with every block")
    check.page(browser, anyone, *(stop.path for stop in anyone.stops[:1]))
    return check.made


def _unknown_block(browser: Browser, walk: Walk) -> ProbeCheck:
    check = _Check("a block that does not exist, over the API", "an answer that says so: invalid")
    body = msgspec.json.encode({"anonymousId": NOWHERE, "blocks": [NOWHERE]})
    if answered := check.ask(lambda: browser.send_json("/v1/decide", body, walk.write_key)):
        check.expect(answered.status == 200, f"It answers {answered.status}.")
        check.expect(
            f'"reason":"{Reason.INVALID.value}"' in answered.text, "The answer does not say so."
        )
    return check.made


def _unknown_page_of_the_api(browser: Browser, walk: Walk) -> ProbeCheck:
    check = _Check("a page that does not exist, over the API", "an answer that says so (404)")
    body = msgspec.json.encode({"anonymousId": NOWHERE, "page": NOWHERE})
    if answered := check.ask(lambda: browser.send_json("/v1/decide", body, walk.write_key)):
        check.expect(answered.status == 404, f"It answers {answered.status} instead of 404.")
        check.expect(answered.type == "application/json", f"The answer is {answered.type}.")
    return check.made


def _without_variant(walk: Walk, cells: Sequence[ProbeCell]) -> Iterator[ProbeCheck]:
    """Tell of blocks that have nothing for an industry: their default stands there."""
    wanted = {
        (visitor.name, stop.page, block.block)
        for visitor in walk.visitors
        for stop in visitor.stops
        for block in stop.blocks
        if visitor.industry and block.reason is Reason.NO_MATCH
    }
    if not wanted:
        return
    seen = {
        (cell.visitor, cell.page, each.block): each.variant
        for cell in cells
        for each in cell.blocks
        if cell.status == 200
    }
    check = _Check("blocks without a variant for the industry", "their default content")
    for visitor, page, block in sorted(wanted):
        shown = seen.get((visitor, page, block), "nothing")
        check.expect(shown == "default", f"Block '{block}' of {page} shows '{shown}' to {visitor}.")
    yield check.made
