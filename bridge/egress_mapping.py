"""How a Kafka record becomes a JetStream message: its subject from the template of the route, its header lines and its body."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bridge.batch import Outgoing
from bridge.errors import UnmappableError
from bridge.header_mapping import EgressHeaders
from bridge.routes import EgressRoute
from bridge.routing import field_of
from bridge.subjects import DIGEST, covers, encode_token, is_subject

MAX_SUBJECT = 2048
"""Characters of a subject at most; the server's line limit of 4096 bytes holds it and its reply."""
BATCH_HEADERS_BYTES = 256
"""Room for the headers that an atomic batch adds to a message."""


class StreamLimits(NamedTuple):
    """What a stream takes: its subjects, and bytes of headers and body together."""

    subjects: Sequence[str]
    max_bytes: int


class EgressMapping:
    """The mapping of one partition of a route."""

    def __init__(self, route: EgressRoute, partition: int, installation: str, limits: StreamLimits) -> None:
        self._route = route
        self._partition = partition
        self._headers = EgressHeaders(route, partition, installation)
        self._parts = route.target.parts()
        self._encode = route.target.encode
        self._values = [self._value(kind, name) for kind, name in route.target.placeholders]
        self._only_key = [kind for kind, _ in route.target.placeholders] == ["key"]
        self._holds_key = any(kind == "key" for kind, _ in route.target.placeholders)
        self._limits = limits
        self._covered = any(covers(subject, route.target.subject_filter) for subject in limits.subjects)

    def __call__(self, record: Any) -> Outgoing | None:
        """The message of a record of aiokafka; None when the loop guard holds it back. Raises UnmappableError."""
        key = record.key
        subject = self._subject(record)
        lost = key is not None and (not self._holds_key or (self._encode and DIGEST in subject))
        headers = self._headers(
            record.offset,
            record.timestamp,
            record.headers,
            tombstone=record.value is None,
            key=base64.b64encode(key).decode() if lost else None,
        )
        if headers is None:
            return None
        data = record.value or b""
        if len(headers) + len(data) + BATCH_HEADERS_BYTES > self._limits.max_bytes:
            raise UnmappableError(
                "too_large", f"headers and value: at most {self._limits.max_bytes} bytes fit the stream"
            )
        return Outgoing(subject.encode(), headers, data)

    def _subject(self, record: Any) -> str:
        if self._only_key and self._encode:
            subject = f"{self._parts[0]}{encode_token(record.key)}{self._parts[1]}"
        else:
            subject = self._parts[0] + "".join(
                f"{self._token(value(record))}{after}"
                for value, after in zip(self._values, self._parts[1:], strict=True)
            )
        if len(subject) > MAX_SUBJECT or not (self._encode or _may_be_published(subject)):
            raise UnmappableError(
                "unroutable", f"subject: no legal subject of at most {MAX_SUBJECT} characters comes out"
            )
        if not self._covered and not any(covers(known, subject) for known in self._limits.subjects):
            raise UnmappableError("unroutable", "subject: the stream does not hold it")
        return subject

    def _token(self, value: bytes | None) -> str:
        if self._encode:
            return encode_token(value)
        try:
            return (value or b"").decode("utf-8")
        except UnicodeDecodeError as error:
            raise UnmappableError("unroutable", "subject: the value is no UTF-8") from error

    def _value(self, kind: str, name: str) -> Callable[[Any], bytes | None]:
        if kind == "key":
            return lambda record: record.key
        if kind == "header":
            return lambda record: _header(record.headers, name)
        if kind == "field":
            return lambda record: field_of(record.value or b"", name)
        constant = str(self._partition if kind == "partition" else self._route.source.topic).encode()
        return lambda _record: constant


def _may_be_published(subject: str) -> bool:
    return is_subject(subject) and not subject.startswith("$")


def _header(headers: Sequence[tuple[str, bytes]], name: str) -> bytes:
    wanted = name.lower()
    for found, value in reversed(headers):
        if found.lower() == wanted and value is not None:
            return value
    raise UnmappableError("unroutable", f"header {name}: missing")
