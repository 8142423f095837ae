"""Times as JetStream tells them in its API, to the nanosecond."""

from __future__ import annotations

from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 instant; no digit of its fraction is lost."""
    whole, point, fraction = text.rstrip("Zz").partition(".")
    digits = fraction
    offset = ""
    for sign in ("+", "-"):
        if sign in fraction:
            digits, _, offset = fraction.partition(sign)
            offset = f"{sign}{offset}"
    if not point:
        return _seconds(text) * 1_000_000_000
    return _seconds(f"{whole}{offset or 'Z'}") * 1_000_000_000 + int(digits.ljust(9, "0")[:9])


def _seconds(text: str) -> int:
    since = datetime.fromisoformat(text).astimezone(UTC) - _EPOCH
    return since.days * 86_400 + since.seconds
