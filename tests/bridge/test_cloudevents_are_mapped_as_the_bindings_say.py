"""CloudEvents cross the bridge in both modes; the SDK of the CloudEvents project says what must come out."""

from __future__ import annotations

from typing import Any

import pytest
from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import UnmappableError
from bridge.header_mapping import EgressHeaders, IngressHeaders
from bridge.jetstream import Delivery
from bridge.raw_delivery import parse_headers
from bridge.routes import EgressRoute, IngressRoute

INGRESS = {
    "name": "in",
    "direction": "ingress",
    "source": {"stream": "S"},
    "target": {"topic": "t"},
    "partition": {"from": "fixed", "number": 0},
    "loop_guard": "off",
}
EGRESS = {
    "name": "out",
    "direction": "egress",
    "source": {"topic": "t"},
    "target": {"stream": "S", "subject": "s.{key}"},
    "loop_guard": "off",
}
COORDINATES = {"nats-stream", "nats-subject", "nats-sequence", "nats-timestamp"}

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
extensions = st.dictionaries(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20).filter(
        lambda name: name not in ("id", "source", "type", "specversion", "time", "subject", "data", "dataschema")
    ),
    texts,
    max_size=4,
)
events = st.builds(
    lambda given, more: CloudEvent({**more, **given}, {"a": 1}),
    st.fixed_dictionaries(
        {"id": texts, "source": texts, "type": texts, "datacontenttype": st.just("application/json")},
        optional={"subject": texts},
    ),
    extensions.filter(lambda more: "datacontenttype" not in more),
)


def nats_form(event: CloudEvent) -> dict[str, str]:
    """The NATS binding: as the HTTP binding of the SDK, with `datacontenttype` as an attribute like the others."""
    headers = dict(http.to_binary(event, JSONFormat()).headers)
    headers["ce-datacontenttype"] = headers.pop("content-type")
    return headers


def to_kafka(headers: dict[str, str], **policy: Any) -> dict[str, bytes]:
    mapped = IngressHeaders(IngressRoute.model_validate({**INGRESS, "headers": policy}), "test")(
        Delivery("s.x", b"", headers, 1, 1, 1, "")
    )
    assert mapped is not None
    return {name: value for name, value in mapped if name not in COORDINATES}


def to_nats(headers: dict[str, bytes], **policy: Any) -> dict[str, str]:
    route = EgressRoute.model_validate({**EGRESS, "headers": policy})
    lines = EgressHeaders(route, 0, "test")(1, 1, list(headers.items()), tombstone=False, key=None)
    assert lines is not None
    found = parse_headers(b"NATS/1.0\r\n" + lines + b"\r\n")
    return {name: value for name, value in found.items() if not name.startswith("Kafka-")}


@given(events)
def test_binary_mode_from_nats_is_what_the_kafka_binding_writes(event: CloudEvent) -> None:
    assert to_kafka(nats_form(event)) == kafka.to_binary(event, JSONFormat()).headers


@given(events)
def test_binary_mode_from_kafka_is_what_the_nats_binding_writes(event: CloudEvent) -> None:
    assert to_nats(kafka.to_binary(event, JSONFormat()).headers) == nats_form(event)


@given(events)
def test_an_event_that_went_there_and_back_is_read_as_the_same_event(event: CloudEvent) -> None:
    there = kafka.to_binary(event, JSONFormat())

    back = to_kafka(to_nats(there.headers))

    read = kafka.from_binary(kafka.KafkaMessage(back, there.key, there.value), JSONFormat())
    assert read.get_attributes() == event.get_attributes()


def test_names_are_read_in_any_case_and_values_may_be_quoted() -> None:
    found = to_kafka({"CE-SpecVersion": "1.0", "Ce-Type": '"a \\"b\\" %C3%A9"', "Ce-Id": "1", "ce-source": "/"})

    assert found["ce_type"] == 'a "b" é'.encode()


def test_structured_mode_passes_with_its_content_type_and_nothing_else_is_touched() -> None:
    content_type = "application/cloudevents+json; charset=UTF-8"

    assert to_kafka({"Content-Type": content_type, "ce-x": "%41"}) == {
        "content-type": content_type.encode(),
        "ce-x": b"%41",
    }
    assert to_nats({"content-type": content_type.encode(), "ce_x": b"%41"}) == {
        "content-type": content_type,
        "ce_x": "%41",
    }


def test_mapping_can_be_turned_off() -> None:
    assert to_kafka({"ce-specversion": "1.0", "ce-id": "%41"}, cloudevents=False)["ce-id"] == b"%41"
    assert to_nats({"ce_specversion": b"1.0", "ce_id": b"A"}, cloudevents=False)["ce_id"] == "A"


def test_an_attribute_that_is_no_utf8_is_refused_with_its_name() -> None:
    with pytest.raises(UnmappableError, match="header ce-id: no percent-encoded UTF-8"):
        to_kafka({"ce-specversion": "1.0", "ce-id": "%FF"})
    with pytest.raises(UnmappableError, match="header ce_id: no UTF-8"):
        to_nats({"ce_specversion": b"1.0", "ce_id": b"\xff"})
