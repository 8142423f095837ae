"""How a failure is logged: its type and stack, never its message, which may quote a payload with personal data."""

from __future__ import annotations

import traceback


def stack_of(error: BaseException) -> str:
    """Type and stack of an error, and of those that caused it, without any message."""
    parts = []
    seen: BaseException | None = error
    while seen is not None:
        parts.append(f"{type(seen).__name__}\n{''.join(traceback.format_tb(seen.__traceback__))}")
        seen = seen.__cause__
    return "caused by ".join(parts)
