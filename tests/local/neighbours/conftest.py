"""Commands as the person domain sends them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.neighbours.messages import NeighbourCommand, read_command

ADA = "0190c8a2-7b1e-7c3d-9a4f-000000000001"
CARLA = "0190c8a2-7b1e-7c3d-9a4f-000000000002"
SAGA = "5b5f8a52-7d0a-5d7e-9a43-0a5f5f6d1c01"

Make = Callable[..., NeighbourCommand]


def envelope(number: int, verb: str, **data: Any) -> tuple[str, bytes]:
    """Subject and bytes of command `number`; `verb` is `<domain>.<verb>`."""
    domain, _, name = verb.partition(".")
    body = {
        "specversion": "1.0",
        "id": f"5b5f8a52-7d0a-5d7e-9a43-{number:012d}",
        "type": f"{domain}.commands.{name}",
        "correlationid": SAGA,
        "causationdepth": 1,
        "data": {"person_id": ADA, "saga_id": SAGA, **data},
    }
    return body["type"], json.dumps(body).encode()  # type: ignore[return-value]


@pytest.fixture
def command() -> Make:
    return lambda number, verb, **data: read_command(*envelope(number, verb, **data))
