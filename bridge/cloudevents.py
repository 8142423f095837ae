"""CloudEvents in binary mode: the attributes as headers of the NATS binding (`ce-x`, percent-encoded) and of the Kafka binding (`ce_x`, UTF-8).

Structured mode needs no mapping: body and content type pass as they are. Protocol: CloudEvents 1.0.2, bindings for NATS and Kafka."""

from __future__ import annotations

import re
from collections.abc import Iterable

NATS_PREFIX = "ce-"
KAFKA_PREFIX = "ce_"
CONTENT_TYPE = "content-type"
STRUCTURED = "application/cloudevents"

_ENCODED = re.compile(r'[\x00-\x20"%\x7f-\U0010ffff]')
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def is_binary(names: Iterable[str], content_type: str | None, prefix: str) -> bool:
    """Whether headers, by their names in lower case, hold an event in binary mode under a prefix."""
    if content_type is not None and content_type.strip().lower().startswith(STRUCTURED):
        return False
    return f"{prefix}specversion" in names


def encode_value(value: str) -> str:
    """An attribute as a NATS header: space, quote, percent and all but printable ASCII are percent-encoded UTF-8."""
    if not _ENCODED.search(value):
        return value
    return _ENCODED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), value)


def decode_value(value: str) -> str:
    """The attribute in a NATS header, quoted or not; raises ValueError for what is no UTF-8."""
    quoted = _QUOTED.fullmatch(value)
    if quoted:
        value = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
    if "%" not in value and value.isascii():
        return value
    raw = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), _as_latin(value)).encode("latin-1")
    return raw.decode("utf-8")


def _as_latin(value: str) -> str:
    """Each byte of the UTF-8 form as one character, so that raw and escaped bytes can be joined."""
    return value.encode("utf-8", "surrogateescape").decode("latin-1")
