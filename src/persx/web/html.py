"""HTML answers: templates with a typed view, security headers, and static files by content hash."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from persx.model.counting import counted
from persx.model.errors import NotFound
from persx.web.site.views import STATIC, asset, environment

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: https:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cache-Control": "private, no-store",
}
"""What every page carries; pages are made for one visitor and are never cached."""

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "ico": "image/x-icon",
    "woff2": "font/woff2",
}


@lru_cache(maxsize=256)
def _static(name: str) -> tuple[bytes, str]:
    path = (STATIC / name).resolve()
    if STATIC not in path.parents or path.suffix[1:] not in _TYPES or not path.is_file():
        raise NotFound(f"There is no static file '{name}'.", value=name)
    return path.read_bytes(), asset(name).partition("?v=")[2]


async def static_file(request: Request) -> Response:
    """Answer a static file; a browser may keep it as long as it likes."""
    name = request.path_params["path"]
    try:
        content, version = _static(name)
    except (NotFound, ValueError, OSError):
        return Response("Not found\n", 404)
    if request.headers.get("if-none-match") == f'"{version}"':
        return Response(status_code=304)
    fresh = request.query_params.get("v") == version
    return Response(
        content,
        media_type=_TYPES[name.rpartition(".")[2]],
        headers={
            "Cache-Control": "public, max-age=31536000, immutable" if fresh else "no-cache",
            "ETag": f'"{version}"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def _moment(value: int) -> str:
    return datetime.fromtimestamp(value / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def page(
    template: str, view: Any, status: int = 200, *, studio: Any = None, label: Any = None
) -> HTMLResponse:
    """Render a template of the studio with its view (seen as ``view``).

    Args:
        studio: The frame of who is signed in (`StudioFrame`); None where nobody is.
        label: What is said of simulated data, on every page (`Label`).
    """
    text = (
        environment()
        .get_template(template)
        .render(view=view, moment=_moment, counted=counted, studio=studio, label=label)
    )
    return answer(text, status)


def answer(text: str, status: int = 200) -> HTMLResponse:
    """Return a finished page with its security headers."""
    return HTMLResponse(text, status, headers=HEADERS)


def self_contained(text: str) -> HTMLResponse:
    """Return a page that carries its own style; it may load our fonts, and run nothing."""
    policy = (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src data:; "
        "base-uri 'none'"
    )
    return HTMLResponse(text, headers={**HEADERS, "Content-Security-Policy": policy})


def routes() -> list[Route]:
    """Return the route of the static files."""
    return [Route("/static/{path:path}", static_file, methods=["GET"])]
