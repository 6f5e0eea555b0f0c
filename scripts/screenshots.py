"""Takes the pictures of docs/pictures: the demo site in a real Chromium, as visitors see it."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from persx.demo import DEMOS
from scripts.demo_server import ADMIN_PASSWORD, DemoServer, demo_server

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "pictures"
MOST_BYTES: Final = 300_000
WIDE: Final = {"width": 1280, "height": 800}
PHONE: Final = {"width": 390, "height": 844}


class Picture(NamedTuple):
    """One picture: its file's name, the page, who looks at it, and with what.

    `industry` is what the visitor declared; empty means nothing. `admin` signs in to the studio.
    `demo` is the workspace, `after` a page that they looked at before, and `at` the block that is
    shown, where it is not the top of the page.
    """

    name: str
    path: str
    industry: str = ""
    phone: bool = False
    dark: bool = False
    admin: bool = False
    demo: str = DEMOS[0]
    after: str = ""
    at: str = ""


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
    Picture("blog-post", "/blog/cart-abandonment", "eCommerce"),
    Picture("test-ideas", "/test-ideas", "eCommerce"),
    Picture("personas", "/personas", "Financial Services"),
    Picture("privacy", "/privacy", "SaaS"),
    Picture("studio", "/admin", admin=True),
    Picture("report", "/admin/report/hillstrom", admin=True),
    Picture("shop", "/", demo="shop"),
    Picture("shop-known", "/", demo="shop", after="/products/storm", dark=True),
    Picture("shop-phone", "/products/skylark-4", demo="shop", phone=True),
    Picture("recommendations", "/", demo="shop", after="/products/storm", at="for-you"),
    Picture(
        "recommendations-phone",
        "/products/skylark-4",
        demo="shop",
        phone=True,
        dark=True,
        at="goes-with",
    ),
    Picture("recommendations-ideas", "/test-ideas", "Healthcare", at="ideas-for-you"),
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
            if picture.admin:
                answer = context.request.post(
                    f"{server.url}/admin/login", form={"password": ADMIN_PASSWORD}
                )
                if not answer.ok:
                    raise RuntimeError(f"POST /admin/login answered {answer.status}")
            page = context.new_page()
            if picture.after:
                page.goto(server.url + picture.after, wait_until="networkidle")
            response = page.goto(server.url + picture.path, wait_until="networkidle")
            if response is None or not response.ok:
                raise RuntimeError(f"{picture.path} answered {response and response.status}")
            if "holdout" in reasons(page):
                continue
            if picture.at:
                page.locator(f"#{picture.at}").evaluate("e => e.scrollIntoView({block: 'start'})")
            file = folder / f"{picture.name}.png"
            page.screenshot(path=file, animations="disabled", scale="css")
        if file.stat().st_size > MOST_BYTES:
            raise RuntimeError(f"{file.name} has {file.stat().st_size:,} bytes")
        return file
    raise RuntimeError(f"Every visitor of {picture.path} is held out")


def import_report(server: DemoServer) -> bool:
    """Bring a real experiment into the server's home, where its data are; tell whether."""
    data = os.environ.get("PERSX_DATA", "")
    file = Path(data) / "experiments" / "hillstrom.csv"
    if not data or not file.exists():
        return False
    arguments = "--name hillstrom --arm segment --metrics visit,conversion,spend"
    subprocess.run(
        [
            *(sys.executable, "-c", "from persx.cli import main; main()", "import", "experiment"),
            *(str(file), *arguments.split(), "--control", "No E-Mail"),
            *("--attributes", "newbie,channel", "--home", str(server.home)),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return True


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
    wanted = [known[name] for name in names] or list(PICTURES)
    for demo in dict.fromkeys(picture.demo for picture in wanted):
        with demo_server(demo=demo) as server:
            take_all(server, [picture for picture in wanted if picture.demo == demo])
    return 0


def take_all(server: DemoServer, wanted: Sequence[Picture]) -> None:
    """Take pictures of one server's site."""
    if any(picture.name == "report" for picture in wanted) and not import_report(server):
        print("Without PERSX_DATA there is no picture of a report.")
        wanted = [picture for picture in wanted if picture.name != "report"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            for picture in wanted:
                file = take(browser, server, picture)
                print(f"{file.relative_to(ROOT)} ({file.stat().st_size // 1000} kB)", flush=True)
        finally:
            browser.close()


if __name__ == "__main__":
    sys.exit(main())
