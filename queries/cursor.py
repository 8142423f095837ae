"""Cursors: where a list goes on, as opaque text that is bound to its request and ends after an hour (domain.md 17.3).

A cursor holds the key of the last row, so pages stay stable while rows come and go. Its check value finds damage and mistakes; it
keeps no secret, because a cursor leads nowhere that its request does not."""

from __future__ import annotations

import base64
import time
from hashlib import blake2b
from typing import Any, Final

import orjson

from queries.frame import Query, QueryError

VALID_S: Final = 3600
_CHECK_BYTES: Final = 8
_UNBOUND: Final = frozenset({"cursor", "limit", "min_position", "timeout_ms", "stream"})


def issue(endpoint: str, request: Query, key: Any, *, now: float | None = None) -> str:
    """The cursor behind a row; `key` is what the endpoint needs to go on there, ready for JSON."""
    issued = int(time.time() if now is None else now)
    body = orjson.dumps([issued, _bound_to(endpoint, request), key])
    return base64.urlsafe_b64encode(_check(body) + body).decode().rstrip("=")


def resume(endpoint: str, request: Query, cursor: str, *, now: float | None = None) -> Any:
    """The key in a cursor; raises QueryError cursor_expired when it is too old or of another request, invalid_query when it is none."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        check, body = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        if check != _check(body):
            raise ValueError
        issued, bound_to, key = orjson.loads(body)
    except ValueError:
        raise QueryError("invalid_query", "cursor: is none that was given", field="cursor", rule="cursor") from None
    if bound_to != _bound_to(endpoint, request):
        raise QueryError("cursor_expired", "the cursor belongs to another request")
    if (time.time() if now is None else now) > issued + VALID_S:
        raise QueryError("cursor_expired", "the cursor is older than an hour; begin again")
    return key


def _bound_to(endpoint: str, request: Query) -> str:
    asked = request.model_dump(mode="json", exclude=set(_UNBOUND))
    return blake2b(orjson.dumps([endpoint, asked], option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()


def _check(body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECK_BYTES, person=b"cursor").digest()
