"""Probing: synthetic visitors walk every page of the running site and say what is broken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from persx.app.probe_browser import Answered, Browser, PageParser, plain
from persx.app.probe_checks import missing_things
from persx.model.clock import Millis
from persx.model.errors import PersxError, Unavailable
from persx.model.probe import (
    BROKEN,
    ProbeCell,
    ProbeReport,
    ProbeVisitor,
    SeenBlock,
    Stop,
    Walk,
)

VISITOR_COOKIE: Final = "persx_visitor"
STATE_COOKIE: Final = "persx_state"
WALK_PATH: Final = "/v1/probe"


def probe(
    url: str, mark: str, *, now: Millis, advance: Callable[[int, int], None] | None = None
) -> ProbeReport:
    """Walk every visitor × page of a site over HTTP, and ask for what is missing.

    What looks broken is looked at again with what should be seen by then, so that a publication
    in the middle of a walk is no alarm.

    Args:
        mark: The home's signed mark; without it nobody may ask what there is to see.
        now: When, for the report.
        advance: Told of each step: how many are done, and of how many.

    Raises:
        BadInput: The address is none.
    """
    began = time.perf_counter()

    try:
        walk = walk_at(url, mark)
    except Unavailable as error:
        return ProbeReport(at=now, url=url, problem=str(error))
    total = sum(len(each.stops) for each in walk.visitors) + 1
    cells: list[ProbeCell] = []
    for visitor in walk.visitors:
        for cell in _visits(url, mark, visitor):
            cells.append(cell)
            if advance:
                advance(len(cells), total)
    if any(cell.faults for cell in cells):
        cells = _again(url, mark, cells)
    checks = missing_things(url, mark, walk, cells)
    return ProbeReport(
        at=now,
        url=url,
        snapshot=walk.snapshot,
        milliseconds=round((time.perf_counter() - began) * 1_000, 1),
        cells=tuple(cells),
        checks=tuple(checks),
    )


def walk_at(url: str, mark: str) -> Walk:
    """Ask a site what there is to walk.

    Raises:
        Unavailable: It does not answer, takes the mark for none of its own, or serves nothing.
    """
    with Browser(url, mark) as browser:
        answered = browser.get(WALK_PATH)
    if answered.status == 403:
        raise Unavailable(
            f"The server at {url} does not know the mark.",
            hint="It may serve another home, or the mark is too old: make one with "
            "'persx probe --mark'.",
        )
    if answered.status != 200:
        raise Unavailable(
            f"The server at {url} answers {answered.status} when it is asked what to walk.",
            hint="Look whether it is a persx server, and whether something is published.",
        )
    try:
        return msgspec.json.decode(answered.text, type=Walk)
    except msgspec.DecodeError as error:
        raise Unavailable(
            f"What the server at {url} says of its pages cannot be read: {error}.",
            hint="Use the command and the server of one version.",
        ) from error


def _again(url: str, mark: str, cells: list[ProbeCell]) -> list[ProbeCell]:
    """Look once more at what seemed broken."""
    try:
        walk = walk_at(url, mark)
    except Unavailable:
        return cells
    suspects = {(cell.visitor, cell.page) for cell in cells if cell.faults}
    found = {
        (cell.visitor, cell.page): cell
        for visitor in walk.visitors
        if (stops := tuple(stop for stop in visitor.stops if (visitor.name, stop.page) in suspects))
        for cell in _visits(url, mark, msgspec.structs.replace(visitor, stops=stops))
    }
    # A page that is gone by now was no fault.
    return [
        found[cell.visitor, cell.page] if cell.faults else cell
        for cell in cells
        if not cell.faults or (cell.visitor, cell.page) in found
    ]


def _visits(url: str, mark: str, visitor: ProbeVisitor) -> Iterator[ProbeCell]:
    """Send the start form as a visitor, and look at each page."""
    with Browser(url, mark, {VISITOR_COOKIE: visitor.cookie}) as browser:
        fault = _declare(browser, visitor.industry) if visitor.industry else ""
        for stop in visitor.stops:
            if fault:
                yield ProbeCell(
                    visitor=visitor.name,
                    page=stop.page,
                    path=stop.path,
                    status=0,
                    milliseconds=0.0,
                    faults=(fault,),
                )
            else:
                yield visit(browser, visitor.name, stop)


def _declare(browser: Browser, industry: str) -> str:
    """Send the start form; return what is wrong with it, in words."""
    try:
        sent = browser.send_form("/start", {"industry": industry, "complete": "1"})
    except PersxError as error:
        return f"The start form: {error}"
    if sent.status != 303:
        return f"The start form answers {sent.status}, where it should lead on."
    if STATE_COOKIE not in browser.cookies:
        return "The start form sets no cookie with the industry, so the next page cannot know it."
    return ""


def visit(browser: Browser, name: str, stop: Stop) -> ProbeCell:
    """Look at one page, and compare it with what should be seen there."""

    def cell(answered: Answered | None, faults: list[str], *blocks: SeenBlock) -> ProbeCell:
        return ProbeCell(
            visitor=name,
            page=stop.page,
            path=stop.path,
            status=answered.status if answered else 0,
            milliseconds=answered.milliseconds if answered else 0.0,
            blocks=blocks,
            faults=tuple(faults),
        )

    try:
        answered = browser.get(stop.path)
    except PersxError as error:
        return cell(None, [str(error)])
    if answered.status != 200:
        return cell(answered, [f"The page answers {answered.status}."])
    page = PageParser(answered.text)
    faults = faults_of(page, stop)
    if stop.confirms:
        faults += _unconfirmed(browser, page.confirming)
    return cell(answered, faults, *page.blocks)


def faults_of(page: PageParser, stop: Stop) -> list[str]:
    """Return what is wrong with the blocks of a page, in words."""
    seen = {each.block: each for each in page.blocks}
    text = page.text
    faults = []
    for expected in stop.blocks:
        found = seen.get(expected.block)
        name = f"Block '{expected.block}'"
        if found is None:
            faults.append(f"{name} is not in the page ({expected.reason.value}).")
        elif found.reason in BROKEN:
            faults.append(
                f"{name} cannot show its variant '{expected.variant}' ({found.reason}): "
                f"its default stands there."
            )
        elif (found.variant, found.reason) != (expected.variant, expected.reason):
            faults.append(
                f"{name} shows '{found.variant}' ({found.reason}), where "
                f"'{expected.variant}' ({expected.reason.value}) is decided."
            )
        elif expected.text and plain(expected.text) not in text:
            faults.append(f"{name} does not say “{expected.text}”.")
    return faults


def _unconfirmed(browser: Browser, path: str) -> list[str]:
    if not path:
        return ["The page does not confirm its delivery: nobody who sees it would count."]
    try:
        answered = browser.get(path)
    except PersxError as error:
        return [f"The image that confirms the delivery: {error}"]
    if answered.status != 200 or answered.type != "image/gif":
        return [
            f"The image that confirms the delivery answers {answered.status} "
            f"({answered.type}): nobody who sees the page would count."
        ]
    return []
