"""Stands before every HTTP page of a worker, also those that others add: probes pass, everybody else needs a right.

A token comes as `Authorization: Bearer <token>`, or as the password of Basic, which browsers ask for."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from queries.authorisation.port import ANONYMOUS, Asked, Authorise

OPEN_PAGES: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Pages that supervisors and Prometheus read without a token; they hold counts and no person."""
UNKNOWN_PAGE: Final = "unknown"
MAX_TOKEN: Final = 512

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def page_guard(authorise: Authorise, principal_of: Callable[[str], str | None]) -> Any:
    """A middleware of aiohttp that asks the port. `principal_of` knows whose a token is."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        page = resource.canonical if resource is not None else UNKNOWN_PAGE
        if page in OPEN_PAGES:
            return await handler(request)
        token = _token_in(request.headers.get("Authorization", ""))
        who = principal_of(token) if token else None
        verdict = authorise(Asked(who or ANONYMOUS, "page", page))
        if verdict.allowed:
            return await handler(request)
        if who is None:
            return web.json_response(
                {"error": "unauthorized", "reason": "a token is needed that was granted this page"},
                status=401,
                headers={"WWW-Authenticate": 'Basic realm="person", charset="UTF-8"'},
            )
        return web.json_response({"error": "forbidden", "reason": verdict.reason}, status=403)

    return guard


def _token_in(header: str) -> str | None:
    kind, _, value = header.partition(" ")
    if len(value) > MAX_TOKEN * 2:
        return None
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None
