"""Events of neighbours as bytes, and what becomes of them, for the tests of translators."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from domain.commands import Command, read_command
from domain.foreign import ForeignEvent, read_foreign_event
from domain.translate.catalogue import ForPersons, translated
from domain.translate.commands import command_of
from domain.translate.rule import KnownPerson, Wish

ADA = "0190c8a2-7b1e-7c3d-9a4f-000000000001"
BOB = "0190c8a2-7b1e-7c3d-9a4f-000000000002"
EVENT_ID = "0190c8a2-7b1e-7c3d-9a4f-0000000000ff"
STORED = datetime(2025, 4, 1, 10, 0, tzinfo=UTC)
NOBODY_KNOWN = KnownPerson()


def message(event_type: str, data: Any, **members: Any) -> bytes:
    """A message with what every neighbour writes, and some that nobody here knows."""
    body = {"specversion": "1.0", "id": EVENT_ID, "type": event_type, "source": "/x", "data": data, "mood": 3}
    return orjson.dumps({**body, **members})


def event(event_type: str, data: Any, **members: Any) -> ForeignEvent:
    """An event that came under a subject of its domain."""
    subject = f"{event_type.partition('.')[0]}.events.anything"
    return read_foreign_event(message(event_type, data, **members), subject=subject, stored_at=STORED)


def wishes(event_type: str, data: Mapping[str, Any], known: KnownPerson = NOBODY_KNOWN) -> tuple[Wish, ...]:
    """What an event becomes that is about persons."""
    becomes = translated(event(event_type, {**data, "unknown_member": {"deep": [1]}}))
    assert isinstance(becomes, ForPersons)
    return becomes.wishes(known)


def command(of: ForeignEvent, wish: Wish, person_id: str = ADA) -> Command:
    """The command of a wish, as the edge of this domain reads it."""
    sent = command_of(of, wish, person_id, is_named=True)
    return read_command(sent.body, subject=sent.type, stored_at=STORED)


def asked(wish: Wish) -> tuple[str, dict[str, Any]]:
    """Type of the command without its prefix, and its data without what has no value."""
    return wish.path, {name: value for name, value in wish.data.items() if value is not None}
