"""Headers on their way: those of a JetStream message as a Kafka record has them, and back.

Guarantee: reserved `Nats-*` headers never pass in either direction, so nothing that is sent to JetStream is executed as a command; a
user header that NATS cannot hold travels packed and comes out of ingress as it was. Of repeated headers the last one passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge import cloudevents
from bridge.errors import UnmappableError
from bridge.header_names import (
    HOPS,
    KEY,
    OFFSET,
    ORIGIN,
    PARTITION,
    RAW,
    TIMESTAMP,
    TOMBSTONE,
    TOPIC,
    loops,
    nats_text,
    next_origin,
    pack,
    passes,
    unpack,
)
from bridge.headers import coordinates
from bridge.jetstream import Delivery
from bridge.routes import EgressRoute, IngressRoute

KafkaHeaders = list[tuple[str, bytes]]

_RAW = RAW.lower()
DATA_CONTENT_TYPE = "ce-datacontenttype"
_DROPPED = ""
_SPECIAL = " "
MAX_NAMES = 4096
"""Names of headers whose mapping is remembered."""


class IngressHeaders:
    """Maps the headers of a stored message to those of its record by the policy of a route."""

    def __init__(self, route: IngressRoute, installation: str) -> None:
        self._stream = route.source.stream.encode()
        self._names: dict[str, str] = {}
        self._passes = passes(route.headers)
        self._cloudevents = route.headers.cloudevents
        self._guard = route.loop_guard
        self._max_hops = route.max_hops
        self._installation = installation

    def __call__(self, delivery: Delivery) -> KafkaHeaders | None:
        """The headers of the record; None when the loop guard holds the message back. Raises UnmappableError."""
        mapped = coordinates(self._stream, delivery)
        found = delivery.headers
        if self._guard != "off":
            guarded = self._guarded(found)
            if guarded is None:
                return None
            mapped += guarded
        names = self._names
        special = False
        for name, value in found.items():
            passed = names.get(name)
            if passed is None:
                passed = self._kind(name)
            if passed == _DROPPED:
                continue
            if passed == _SPECIAL:
                special = True
                continue
            mapped.append((passed, value.encode("utf-8", "surrogateescape")))
        if special:
            self._append_special(found, mapped)
        return mapped

    def _kind(self, name: str) -> str:
        """The name of a header in Kafka, or what else to do with it; the same for every message, so it is kept."""
        lowered = name.lower()
        attribute = self._cloudevents and lowered.startswith(cloudevents.NATS_PREFIX)
        if lowered.startswith(_RAW) or (attribute and self._passes(lowered)):
            kind = _SPECIAL
        else:
            kind = lowered if self._passes(lowered) else _DROPPED
        if len(self._names) < MAX_NAMES:
            self._names[name] = kind
        return kind

    def _append_special(self, found: Mapping[str, str], mapped: KafkaHeaders) -> None:
        user = {name.lower(): value for name, value in found.items() if self._kind(name) == _SPECIAL}
        content_type = next((value for name, value in found.items() if name.lower() == cloudevents.CONTENT_TYPE), None)
        binary = cloudevents.is_binary(user, content_type, cloudevents.NATS_PREFIX)
        if binary and DATA_CONTENT_TYPE in user:
            mapped[:] = [header for header in mapped if header[0] != cloudevents.CONTENT_TYPE]
        for name, value in user.items():
            if name.startswith(_RAW):
                self._unpack(name, value, mapped)
            elif binary:
                mapped.append(_kafka_attribute(name, value))
            else:
                mapped.append((name, value.encode("utf-8", "surrogateescape")))

    def _guarded(self, found: Mapping[str, str]) -> KafkaHeaders | None:
        user = {name.lower(): value for name, value in found.items()}
        origin, hops = user.get(ORIGIN, ""), user.get(HOPS, "")
        if loops(origin, hops, installation=self._installation, guard=self._guard, max_hops=self._max_hops):
            return None
        origin, hops = next_origin(origin, hops, self._installation)
        return [(ORIGIN, origin.encode()), (HOPS, hops.encode())]

    def _unpack(self, name: str, value: str, mapped: KafkaHeaders) -> None:
        try:
            inner, raw = unpack(value)
        except ValueError as error:
            raise UnmappableError("undecodable", f"header {name}: no packed header") from error
        if self._passes(inner.lower()):
            # aiokafka writes no null value of a header; an empty one is the nearest.
            mapped.append((inner, raw or b""))


class EgressHeaders:
    """Maps the headers of a record to the header lines of its message by the policy of a route."""

    def __init__(self, route: EgressRoute, partition: int, installation: str) -> None:
        self._static = f"{TOPIC}: {route.source.topic}\r\n{PARTITION}: {partition}\r\n".encode()
        self._passes = passes(route.headers)
        self._cloudevents = route.headers.cloudevents
        self._guard = route.loop_guard
        self._max_hops = route.max_hops
        self._installation = installation
        self._fresh = self._guard_lines("", "") if self._guard != "off" else ""

    def __call__(
        self,
        offset: int,
        timestamp_ms: int,
        headers: Sequence[tuple[str, bytes | None]],
        *,
        tombstone: bool,
        key: str | None,
    ) -> bytes | None:
        """Header lines of the message, each with its line end; None when the loop guard holds the record back.

        `key` is the key in base64 for a message whose subject does not hold it.
        """
        lines = f"{OFFSET}: {offset}\r\n{TIMESTAMP}: {timestamp_ms}\r\n"
        if tombstone:
            lines += f"{TOMBSTONE}: true\r\n"
        if key is not None:
            lines += f"{KEY}: {key}\r\n"
        if not headers:
            return self._static + (lines + self._fresh).encode()
        user = dict(headers)
        by_lower = {name.lower(): name for name in user}
        if self._guard != "off":
            origin, hops = _ascii(user.get(by_lower.get(ORIGIN, ""))), _ascii(user.get(by_lower.get(HOPS, "")))
            if loops(origin, hops, installation=self._installation, guard=self._guard, max_hops=self._max_hops):
                return None
            lines += self._guard_lines(origin, hops)
        return self._static + (lines + self._user_lines(user, by_lower)).encode("utf-8")

    def _user_lines(self, user: Mapping[str, bytes | None], by_lower: Mapping[str, str]) -> str:
        content_type = user.get(by_lower.get(cloudevents.CONTENT_TYPE, ""))
        binary = self._cloudevents and cloudevents.is_binary(by_lower, _ascii(content_type), cloudevents.KAFKA_PREFIX)
        lines = []
        packed = 0
        for lowered, name in by_lower.items():
            if not self._passes(lowered):
                continue
            value = user[name]
            if binary and (lowered == cloudevents.CONTENT_TYPE or lowered.startswith(cloudevents.KAFKA_PREFIX)):
                lines.append(_nats_attribute(lowered, value))
                continue
            text = nats_text(name, value)
            if text is None:
                packed += 1
                lines.append(f"{RAW}{packed}: {pack(name, value)}\r\n")
            else:
                lines.append(f"{name}: {text}\r\n")
        return "".join(lines)

    def _guard_lines(self, origin: str, hops: str) -> str:
        origin, hops = next_origin(origin, hops, self._installation)
        return f"{ORIGIN}: {origin}\r\n{HOPS}: {hops}\r\n"


def _kafka_attribute(name: str, value: str) -> tuple[str, bytes]:
    attribute = name.removeprefix(cloudevents.NATS_PREFIX)
    try:
        decoded = cloudevents.decode_value(value).encode("utf-8")
    except ValueError as error:
        raise UnmappableError("undecodable", f"header {name}: no percent-encoded UTF-8") from error
    if attribute == "datacontenttype":
        return cloudevents.CONTENT_TYPE, decoded
    return f"{cloudevents.KAFKA_PREFIX}{attribute}", decoded


def _nats_attribute(name: str, value: bytes | None) -> str:
    attribute = "datacontenttype" if name == cloudevents.CONTENT_TYPE else name.removeprefix(cloudevents.KAFKA_PREFIX)
    try:
        text = (value or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnmappableError("undecodable", f"header {name}: no UTF-8") from error
    if nats_text(attribute, b"") is None:
        raise UnmappableError("undecodable", "a header that begins with ce_: no name of an attribute")
    return f"{cloudevents.NATS_PREFIX}{attribute}: {cloudevents.encode_value(text)}\r\n"


def _ascii(value: bytes | None) -> str:
    return (value or b"").decode("ascii", "replace")
