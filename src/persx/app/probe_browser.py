"""The browser of a probe: marked requests over real HTTP, with cookies and without scripts."""

from __future__ import annotations

import html
import http.client
import time
from collections.abc import Mapping
from html.parser import HTMLParser
from http.cookies import CookieError, SimpleCookie
from types import TracebackType
from typing import Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from persx.model.errors import BadInput, Unavailable
from persx.model.probe import MARK_HEADER, SeenBlock

TIMEOUT: Final = 20.0
MOST_BYTES: Final = 8 << 20


class Answered(NamedTuple):
    """An answer: its status, its content type, its text, and how long it took."""

    status: int
    type: str
    text: str
    milliseconds: float


class Browser:
    """Sends what a visitor without scripts would send to one site, marked as a probe's.

    Args:
        url: Where the site is; an address with a scheme.
        cookies: What it comes with.

    Raises:
        BadInput: That is no address.
    """

    def __init__(self, url: str, mark: str, cookies: Mapping[str, str] | None = None) -> None:
        self.url = url
        where = urlsplit(url)
        if where.scheme not in ("http", "https") or not where.hostname:
            raise BadInput(
                f"'{url}' is no address of a site.", value=url, hint="Say https://www.example.com."
            )
        kind = (
            http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(where.hostname, where.port, timeout=TIMEOUT)
        self._below = where.path.rstrip("/")
        self._mark = mark
        self.cookies: dict[str, str] = dict(cookies or {})

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def get(self, path: str) -> Answered:
        """Ask for a page. Raises `Unavailable` where no answer comes."""
        return self._send("GET", path, None, {})

    def send_form(self, path: str, fields: Mapping[str, str]) -> Answered:
        """Send a form. Raises `Unavailable` where no answer comes."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._send("POST", path, urlencode(fields).encode(), kind)

    def send_json(self, path: str, body: bytes, key: str) -> Answered:
        """Ask the API. Raises `Unavailable` where no answer comes."""
        return self._send(
            "POST",
            path,
            body,
            {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
        )

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answered:
        began = time.perf_counter()
        sent = {"User-Agent": "persx-probe", MARK_HEADER: self._mark, **headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            self._connection.request(method, self._below + path, body, sent)
            response = self._connection.getresponse()
            raw = response.read(MOST_BYTES)
            if response.read(1):
                self._connection.close()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            said = str(error) or type(error).__name__
            raise Unavailable(
                f"No answer from {self.url}: {said.rstrip('.')}.",
                value=self.url,
                hint="Look whether the server runs.",
            ) from error
        for text in response.headers.get_all("set-cookie") or ():
            self._keep(text)
        return Answered(
            response.status,
            response.headers.get_content_type(),
            raw.decode("utf-8", "replace"),
            round((time.perf_counter() - began) * 1_000, 1),
        )

    def _keep(self, text: str) -> None:
        try:
            found = SimpleCookie(text)
        except CookieError:
            return
        for name, morsel in found.items():
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.coded_value


class PageParser(HTMLParser):
    """What a page holds for a probe.

    Attributes:
        blocks: Its blocks, in order.
        confirming: Where its delivery is confirmed; empty where it is not.
        offered: The values of its fields named ``industry``.
        sendable: Form actions that a button sends by POST.
        text: All text of the page, white space as one space.
    """

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[SeenBlock] = []
        self.confirming = ""
        self.offered: list[str] = []
        self.sendable: set[str] = set()
        self._form = ""
        self._pieces: list[str] = []
        self.feed(page)
        self.close()

    @property
    def text(self) -> str:
        """All text of the page."""
        return plain("".join(self._pieces))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        given = {name: value or "" for name, value in attrs}
        if "data-block" in given:
            self.blocks.append(
                SeenBlock(
                    given["data-block"], given.get("data-variant", ""), given.get("data-reason", "")
                )
            )
        if tag == "img" and given.get("src", "").startswith("/v1/x/"):
            self.confirming = given["src"]
        if tag == "form" and given.get("method", "").lower() == "post":
            self._form = given.get("action", "")
        if tag == "button" and given.get("type", "submit") == "submit" and self._form:
            self.sendable.add(self._form)
        if tag == "input" and given.get("name") == "industry":
            self.offered.append(given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a form."""
        if tag == "form":
            self._form = ""

    def handle_data(self, data: str) -> None:
        """Note text."""
        self._pieces.append(data)


def plain(text: str) -> str:
    """Return text without markup's escapes, its white space as one space."""
    return " ".join(html.unescape(text).split())
