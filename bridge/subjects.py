"""Subjects: whether a filter matches or covers another, and the reversible encoding of any bytes as one token."""

from __future__ import annotations

import hashlib
import re

EMPTY = "%"
"""The token of an empty key."""
NULL = "%-"
"""The token of a record without a key."""
DIGEST = "%~"
"""Begins the token of a value whose encoding is too long; the SHA-256 of the value in hexadecimal follows."""
MAX_TOKEN = 512
"""Characters that an encoded token has at most before its digest stands for it."""

_UNCHANGED = re.compile(rb"[!-#&-)+,/-=?-~-]+")
_LEGAL = re.compile(r"[^\s.*>\x00-\x20\x7f]+(?:\.[^\s.*>\x00-\x20\x7f]+)*")


def encode_token(value: bytes | None) -> str:
    """One subject token for any bytes: printable ASCII stays, `.`, `*`, `>`, `%`, `$`, space and every other byte become `%XX`."""
    if value is None:
        return NULL
    if not value:
        return EMPTY
    if _UNCHANGED.fullmatch(value):
        encoded = value.decode("ascii")
    else:
        encoded = "".join(chr(byte) if _UNCHANGED.fullmatch(bytes([byte])) else f"%{byte:02X}" for byte in value)
    if len(encoded) > MAX_TOKEN:
        return f"{DIGEST}{hashlib.sha256(value).hexdigest()}"
    return encoded


def decode_token(token: str) -> bytes | None:
    """The bytes of an encoded token; raises ValueError for a text that is no encoding or a digest."""
    if token == NULL:
        return None
    if token == EMPTY:
        return b""
    if token.startswith(DIGEST):
        raise ValueError("the token holds a digest, the key travels as a header")
    if "%" not in token:
        return token.encode()
    if re.search(r"%(?![0-9A-F]{2})", token):
        raise ValueError("a % is not followed by two hexadecimal digits in upper case")
    return re.sub(rb"%([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), token.encode())


def is_subject(text: str) -> bool:
    """Whether a message may be published to it: no empty token, no wildcard, no space or control character."""
    return _LEGAL.fullmatch(text) is not None


def covers(outer: str, inner: str) -> bool:
    """Whether every subject that `inner` matches is matched by `outer`; a subject without wildcards is a filter, too."""
    ours, theirs = outer.split("."), inner.split(".")
    for index, ours_here in enumerate(ours):
        if ours_here == ">":
            return len(theirs) > index
        if index >= len(theirs) or theirs[index] == ">":
            return False
        if ours_here not in ("*", theirs[index]):
            return False
    return len(ours) == len(theirs)


def overlap(one: str, other: str) -> bool:
    """Whether some subject is matched by both filters."""
    ours, theirs = one.split("."), other.split(".")
    for index in range(max(len(ours), len(theirs))):
        if index >= len(ours) or index >= len(theirs):
            return False
        if ">" in (ours[index], theirs[index]):
            return True
        if "*" not in (ours[index], theirs[index]) and ours[index] != theirs[index]:
            return False
    return True
