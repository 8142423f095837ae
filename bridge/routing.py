"""Where a JetStream message goes in Kafka: partition and key as the route says, from subject tokens, headers or a field of the body."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import orjson

from bridge.errors import UnmappableError
from bridge.header_names import KEY
from bridge.ingress import Destination, Router
from bridge.jetstream import Delivery
from bridge.routes import IngressRoute, Key, Partition
from bridge.subjects import DIGEST, decode_token

FNV_OFFSET_BASIS = 0x811C9DC5
FNV_PRIME = 0x01000193


def by_subject_tokens(*, partition: int, key: int) -> Callable[[Delivery], Destination]:
    """Route by the subject: its token number `partition` (from 0) is the Kafka partition, token `key` the record key."""

    def route(delivery: Delivery) -> Destination:
        tokens = delivery.subject.split(".")
        return Destination(int(tokens[partition]), tokens[key].encode())

    return route


def router_of(route: IngressRoute, partitions: int) -> Router:
    """The router that a route without a named one describes; `partitions` are those of the topic.

    It raises UnmappableError for a message that has not what the route asks for.
    """
    chosen = route.partition
    assert chosen is not None, "a route without a router names its partition"
    if route.key is not None and route.key.origin == chosen.origin == "token" and not route.key.encoded:
        return _checked(by_subject_tokens(partition=chosen.token or 0, key=route.key.token or 0), partitions)
    key_of = _key(route.key) if route.key is not None else _no_key
    partition_of = _partition(chosen, partitions)

    def routed(delivery: Delivery) -> Destination:
        key = key_of(delivery)
        return Destination(partition_of(delivery, key), key)

    return _checked(routed, partitions)


def hashed(key: bytes, partitions: int) -> int:
    """The partition of a key: FNV-1a, as the server's `partition()` of one token."""
    value = FNV_OFFSET_BASIS
    for byte in key:
        value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFF
    return value % partitions


def field_of(data: bytes, path: str) -> bytes:
    """The text or whole number at a dotted path of a JSON body, as text; raises UnmappableError."""
    try:
        value: Any = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UnmappableError("undecodable", f"field {path}: the body is no JSON") from error
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UnmappableError("unroutable", f"field {path}: neither text nor whole number")
    return str(value).encode()


def header_of(delivery: Delivery, name: str) -> str:
    """A header by its name, in any case; raises UnmappableError."""
    wanted = name.lower()
    for found, value in delivery.headers.items():
        if found.lower() == wanted:
            return value
    raise UnmappableError("unroutable", f"header {name}: missing")


def _checked(router: Callable[[Delivery], Destination], partitions: int) -> Router:
    def route(delivery: Delivery) -> Destination:
        try:
            destination = router(delivery)
        except (ValueError, IndexError) as error:
            raise UnmappableError("unroutable", f"subject: {_rule(error)}") from error
        if not 0 <= destination.partition < partitions:
            raise UnmappableError("unroutable", f"partition: not one of the {partitions} of the topic")
        return destination

    return route


def _rule(error: Exception) -> str:
    return "it has too few tokens" if isinstance(error, IndexError) else "a token is no number or no encoded key"


def _no_key(_delivery: Delivery) -> None:
    return None


def _key(key: Key) -> Callable[[Delivery], bytes | None]:
    token, header, field = key.token or 0, key.header or "", key.field or ""
    if key.origin == "none":
        return _no_key
    if key.origin == "header":
        return lambda delivery: header_of(delivery, header).encode("utf-8", "surrogateescape")
    if key.origin == "field":
        return lambda delivery: field_of(delivery.data, field)
    if key.encoded:
        return lambda delivery: _decoded(delivery, token)
    return lambda delivery: delivery.subject.split(".")[token].encode()


def _decoded(delivery: Delivery, token: int) -> bytes | None:
    found = delivery.subject.split(".")[token]
    if found.startswith(DIGEST):
        return base64.b64decode(header_of(delivery, KEY), validate=True)
    return decode_token(found)


def _partition(chosen: Partition, partitions: int) -> Callable[[Delivery, bytes | None], int]:
    token, header, number = chosen.token or 0, chosen.header or "", chosen.number or 0
    if chosen.origin == "token":
        return lambda delivery, _key: int(delivery.subject.split(".")[token])
    if chosen.origin == "header":
        return lambda delivery, _key: _number(header_of(delivery, header), header)
    if chosen.origin == "key":
        return lambda _delivery, key: hashed(key or b"", partitions)
    return lambda _delivery, _key: number


def _number(text: str, header: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise UnmappableError("unroutable", f"header {header}: no partition number")
    return int(text)
