"""Key and partition of a message come from where its route says; a message that has not got them is refused with the rule."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import UnmappableError
from bridge.ingress import Destination
from bridge.ingress_route import consumers_of, owner_of
from bridge.jetstream import Delivery
from bridge.routes import IngressRoute
from bridge.routing import hashed, router_of
from bridge.subjects import encode_token
from domain.partitions import partition_of


def route(key: dict[str, Any], partition: dict[str, Any] | None = None, **more: Any) -> IngressRoute:
    entry = {
        "name": "x",
        "direction": "ingress",
        "source": {"stream": "S"},
        "target": {"topic": "t"},
        "key": key,
        "partition": partition or {"from": "fixed", "number": 0},
    }
    return IngressRoute.model_validate({**entry, **more})


def stored(subject: str = "s.1.ada", data: bytes = b"", headers: dict[str, str] | None = None) -> Delivery:
    return Delivery(subject, data, headers or {}, 1, 1, 0, "")


def sent(one: IngressRoute, delivery: Delivery) -> Any:
    return router_of(one, 4)(delivery)


@pytest.mark.parametrize(
    ("key", "delivery", "wanted"),
    [
        ({"from": "none"}, stored(), None),
        ({"from": "token", "token": 2}, stored(), b"ada"),
        ({"from": "token", "token": 2, "encoded": True}, stored("s.1.a%2Eb"), b"a.b"),
        ({"from": "token", "token": 2, "encoded": True}, stored("s.1.%-"), None),
        ({"from": "header", "header": "X-Key"}, stored(headers={"x-key": "k"}), b"k"),
        ({"from": "field", "field": "a.b"}, stored(data=b'{"a": {"b": "k"}}'), b"k"),
        ({"from": "field", "field": "n"}, stored(data=b'{"n": 17}'), b"17"),
    ],
)
def test_the_key_comes_from_token_header_or_field(
    key: dict[str, Any], delivery: Delivery, wanted: bytes | None
) -> None:
    assert sent(route(key), delivery) == Destination(0, wanted)


def test_a_key_that_is_a_digest_is_read_from_its_header() -> None:
    long = b"k" * 1000
    delivery = stored(f"s.1.{encode_token(long)}", headers={"Kafka-Key": "a2s="})

    assert hashlib.sha256(long).hexdigest() in delivery.subject
    assert sent(route({"from": "token", "token": 2, "encoded": True}), delivery).key == b"kk"


@pytest.mark.parametrize(
    ("partition", "delivery", "wanted"),
    [
        ({"from": "token", "token": 1}, stored(), 1),
        ({"from": "header", "header": "p"}, stored(headers={"P": "3"}), 3),
        ({"from": "fixed", "number": 2}, stored(), 2),
        ({"from": "key"}, stored(), partition_of("ada", 4)),
    ],
)
def test_the_partition_comes_from_token_header_number_or_key(
    partition: dict[str, Any], delivery: Delivery, wanted: int
) -> None:
    assert sent(route({"from": "token", "token": 2}, partition), delivery) == Destination(wanted, b"ada")


@given(st.text(max_size=20), st.integers(1, 64))
def test_the_hash_of_a_key_is_that_of_the_server(key: str, partitions: int) -> None:
    assert hashed(key.encode(), partitions) == partition_of(key, partitions)


@pytest.mark.parametrize(
    ("key", "partition", "delivery", "cause", "reason"),
    [
        ({"from": "token", "token": 9}, None, stored(), "unroutable", "subject: it has too few tokens"),
        ({"from": "token", "token": 2, "encoded": True}, None, stored("s.1.%zz"), "unroutable", "no encoded key"),
        ({"from": "header", "header": "k"}, None, stored(), "unroutable", "header k: missing"),
        ({"from": "field", "field": "a"}, None, stored(data=b"{"), "undecodable", "field a: the body is no JSON"),
        ({"from": "field", "field": "a.b"}, None, stored(data=b'{"a": 1}'), "unroutable", "field a.b: neither"),
        ({"from": "field", "field": "a"}, None, stored(data=b'{"a": true}'), "unroutable", "field a: neither"),
        ({"from": "none"}, {"from": "token", "token": 2}, stored(), "unroutable", "a token is no number"),
        ({"from": "none"}, {"from": "token", "token": 1}, stored("s.4.x"), "unroutable", "not one of the 4"),
        ({"from": "none"}, {"from": "token", "token": 1}, stored("s.-1.x"), "unroutable", "not one of the 4"),
        ({"from": "none"}, {"from": "header", "header": "p"}, stored(headers={"p": "x"}), "unroutable", "no partition"),
    ],
)
def test_what_cannot_be_routed_is_refused_with_cause_and_rule(
    key: dict[str, Any], partition: dict[str, Any] | None, delivery: Delivery, cause: str, reason: str
) -> None:
    with pytest.raises(UnmappableError, match=reason) as refused:
        sent(route(key, partition), delivery)

    assert refused.value.cause == cause


def test_one_consumer_runs_with_one_owner_and_partitions_have_one_each() -> None:
    alone = route({"from": "none"})
    each = route({"from": "none"}, source={"stream": "S", "filter": "s.{partition}.>"})

    assert [one["durable_name"] for one in consumers_of(alone, 4)] == ["x"]
    assert owner_of(alone, 4) == hashed(b"x", 4)
    assert owner_of(route({"from": "none"}, owner=3), 4) == 3
    assert [(one["durable_name"], one["filter_subject"]) for one in consumers_of(each, 2)] == [
        ("x-0", "s.0.>"),
        ("x-1", "s.1.>"),
    ]
