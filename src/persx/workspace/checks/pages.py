"""Pages: paths that are well formed and unique, blocks that exist, texts of known locales."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from persx.model.errors import Fault
from persx.model.workspace import Page
from persx.workspace.checks.subject import Subject
from persx.workspace.checks.texts import check_texts

RESERVED_PATHS: Final = frozenset(
    {"/admin", "/healthz", "/metrics", "/ofrep", "/openapi.json", "/preferences", "/privacy",
     "/readyz", "/start", "/static", "/v1"}
)  # fmt: skip
"""First parts of paths that the server answers itself."""

_PATH: Final = re.compile(r"/|(/[a-z0-9][a-z0-9._~-]*)+")
_TEXTS: Final = ("title", "description", "navigation")
_KIND: Final = "pages"


def check_pages(subject: Subject) -> Iterator[Fault]:
    """Yield the faults of all pages."""
    paths: dict[str, str] = {}
    for name, page in sorted(subject.workspace.pages.items()):
        yield from _path(subject, page, name)
        first = paths.setdefault(page.path, name)
        if first != name:
            yield subject.fault(
                _KIND,
                name,
                "path",
                f"The page '{first}' has this path already.",
                value=page.path,
                hint="Give each page a path of its own.",
            )
        for at, block in enumerate(page.blocks):
            yield from subject.unknown(_KIND, name, f"blocks.{at}", "blocks", [block])
        yield from subject.repeated(_KIND, name, "blocks", page.blocks)
        if not page.blocks and not subject.is_damaged(_KIND, name):
            yield subject.fault(
                _KIND, name, "blocks", "The page shows nothing.", hint="List at least one block."
            )
        yield from check_texts(subject, _KIND, name, page.locales, _TEXTS)


def _path(subject: Subject, page: Page, name: str) -> Iterator[Fault]:
    if not _PATH.fullmatch(page.path) or len(page.path) > 200:
        yield subject.fault(
            _KIND,
            name,
            "path",
            "A path begins with /, has no / at its end, and consists of lower-case letters, "
            "digits, '.', '_', '~' and '-'.",
            value=page.path,
            hint="Write for example /blog/cart-abandonment",
        )
    elif "/" + page.path.split("/")[1] in RESERVED_PATHS:
        yield subject.fault(
            _KIND,
            name,
            "path",
            "The server answers this path itself.",
            value=page.path,
            hint="Choose another path.",
        )
