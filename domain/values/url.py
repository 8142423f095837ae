"""Absolute web addresses."""

from typing import Annotated
from urllib.parse import urlsplit

from domain.values.rules import broken, on_entry


def _check(text: str) -> str:
    if len(text) > 2048 or any(character.isspace() for character in text):
        raise broken("url")
    try:
        parts = urlsplit(text)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        raise broken("url") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or not port_fits:
        raise broken("url")
    return text


Url = Annotated[str, on_entry(_check, format="uri", pattern="^https?://", maxLength=2048)]
"""Absolute http or https address without user information."""
