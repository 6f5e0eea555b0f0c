"""Takes the pictures of docs/pictures: the demo site in a real Chromium, as visitors see it."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.demo_server import DemoServer, demo_server

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "pictures"
MOST_BYTES: Final = 300_000
WIDE: Final = {"width": 1280, "height": 800}
PHONE: Final = {"width": 390, "height": 844}


class Picture(NamedTuple):
    """One picture: its file's name, the page, who looks at it, and with what.

    `industry` is what the visitor declared; empty means nothing.
    """

    name: str
    path: str
    industry: str = ""
    phone: bool = False
    dark: bool = False


PICTURES: Final = (
    Picture("home", "/"),
    Picture("home-ecommerce", "/", "eCommerce"),
    Picture("home-healthcare", "/", "Healthcare"),
    Picture("home-saas", "/", "SaaS"),
    Picture("home-financial-services", "/", "Financial Services"),
    Picture("home-education", "/", "Education"),
    Picture("start", "/start"),
    Picture("about", "/about", "SaaS"),
    Picture("contact", "/contact", "Healthcare"),
    Picture("blog", "/blog", "Education"),
    Picture("test-ideas", "/test-ideas", "eCommerce"),
    Picture("personas", "/personas", "Financial Services"),
    Picture("privacy", "/privacy", "SaaS"),
    Picture("home-dark", "/", "eCommerce", dark=True),
    Picture("home-phone", "/", "eCommerce", phone=True),
    Picture("contact-phone-dark", "/contact", "Healthcare", phone=True, dark=True),
)


def chromium() -> str | None:
    """Return the system's Chromium; none lets Playwright use its own."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


def take(browser: Browser, server: DemoServer, picture: Picture, folder: Path = FOLDER) -> Path:
    """Take one picture as a visitor who is not held out; return its file.

    Raises:
        RuntimeError: The page is not what the picture is meant to show, or it is too big.
    """
    options: dict[str, Any] = {
        "viewport": PHONE if picture.phone else WIDE,
        "color_scheme": "dark" if picture.dark else "light",
        "reduced_motion": "reduce",
        "locale": "en-US",
    }
    for _ in range(40):  # One visitor in ten is held out; forty in a row never are.
        with browser.new_context(**options) as context:
            if picture.industry:
                answer = context.request.put(
                    f"{server.url}/v1/state", data={"industry": picture.industry}
                )
                if not answer.ok:
                    raise RuntimeError(f"PUT /v1/state answered {answer.status}: {answer.text()}")
            page = context.new_page()
            response = page.goto(server.url + picture.path, wait_until="networkidle")
            if response is None or not response.ok:
                raise RuntimeError(f"{picture.path} answered {response and response.status}")
            if "holdout" in reasons(page):
                continue
            file = folder / f"{picture.name}.png"
            page.screenshot(path=file, animations="disabled", scale="css")
        if file.stat().st_size > MOST_BYTES:
            raise RuntimeError(f"{file.name} has {file.stat().st_size:,} bytes")
        return file
    raise RuntimeError(f"Every visitor of {picture.path} is held out")


def reasons(page: Page) -> set[str]:
    """Return why the blocks of a page show what they show."""
    found = page.locator("[data-reason]").evaluate_all("all => all.map(e => e.dataset.reason)")
    return {str(reason) for reason in found}


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures that are named, or all."""
    known = {picture.name: picture for picture in PICTURES}
    parser = argparse.ArgumentParser(prog="screenshots", description=__doc__)
    parser.add_argument("names", nargs="*", help="pictures to take; all unless named")
    names = parser.parse_args(arguments).names
    if wrong := sorted(set(names) - set(known)):
        parser.error(f"unknown picture {', '.join(wrong)}; known: {', '.join(known)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with demo_server() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            for name in names or known:
                file = take(browser, server, known[name])
                print(f"{file.relative_to(ROOT)} ({file.stat().st_size // 1000} kB)", flush=True)
        finally:
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
