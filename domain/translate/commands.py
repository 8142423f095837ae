"""The commands of adapters, complete: their ids follow from the foreign event, so repeating a translation repeats the same commands."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from domain.canonical import encode
from domain.envelope import COMMAND_PREFIX, CONTENT_TYPE, SPEC_VERSION
from domain.foreign import ForeignEvent
from domain.ids import derive
from domain.times import format_instant
from domain.translate.rule import Wish
from domain.translate.signals import SIGNAL_SAGA, Signal


class AdapterCommand(NamedTuple):
    """A command as it is sent: its type is its subject in NATS."""

    id: str
    type: str
    body: bytes


def command_of(event: ForeignEvent, wish: Wish, person_id: str, *, is_named: bool) -> AdapterCommand:
    """A wish for a person. The person that the event names has index 0 of the rule, any other one is its own index.

    Raises NotCanonical for what has no canonical form.
    """
    index = "0" if is_named else person_id
    return _command(event, f"{wish.rule}/{index}", wish.type, {"subject": person_id}, wish.data)


def signal_command(event: ForeignEvent, signal: Signal) -> AdapterCommand:
    """A signal for a saga."""
    target = {"subject": signal.saga_id, "partitionkey": signal.person_id}
    data = {"signal": signal.name, "data": dict(signal.data)}
    return _command(event, "signal_saga/0", COMMAND_PREFIX + SIGNAL_SAGA, target, data)


def _command(
    event: ForeignEvent, name: str, command_type: str, target: Mapping[str, str], data: Mapping[str, Any]
) -> AdapterCommand:
    command_id = derive(event.id, f"person/{name}")
    body: dict[str, Any] = {
        "specversion": SPEC_VERSION,
        "id": command_id,
        "type": command_type,
        "dataversion": 1,
        "source": f"/person/adapter/{event.domain}",
        **target,
        "time": format_instant(event.stored_at),
        "datacontenttype": CONTENT_TYPE,
        "correlationid": event.correlationid,
        "causationid": event.id,
        "causationdepth": event.depth + 1,
        "actor": f"adapter:{event.domain}",
        "traceparent": event.traceparent,
        "data": {name: value for name, value in data.items() if value is not None},
    }
    return AdapterCommand(command_id, command_type, encode(body))
