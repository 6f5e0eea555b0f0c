"""Collecting over HTTP: the Segment tracking API, as its public clients use it."""

from __future__ import annotations

from persx.web.collect.routes import routes

__all__ = ["routes"]
