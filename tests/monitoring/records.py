"""Events as ingress carries them, for tests of what is measured."""

from __future__ import annotations

import json
import uuid
from typing import Any

from bridge import headers
from lanes.record import Record


def suspended(person_id: str, sequence: int, stored_s: float, **changes: Any) -> Record:
    """A suspension under a stream sequence, stored at a time in seconds since the epoch; `changes` are made to its document."""
    event_id = str(uuid.uuid4())
    event = {
        "specversion": "1.0",
        "id": event_id,
        "type": "person.suspended",
        "dataversion": 2,
        "source": "/person",
        "subject": person_id,
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "sequence": sequence,
        "correlationid": event_id,
        "causationid": event_id,
        "causationdepth": 0,
        "actor": "user:test",
        "data": {"reason": "test"},
        **changes,
    }
    carried = {
        headers.SUBJECT: f"person.events.lifecycle.suspended.0.{person_id}".encode(),
        headers.SEQUENCE: b"%d" % sequence,
        headers.STORED: b"%d" % int(stored_s * 1e9),
    }
    return Record(sequence, person_id.encode(), json.dumps(event).encode(), carried, int(stored_s * 1000))
