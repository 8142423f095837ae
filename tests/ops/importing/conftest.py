"""Reads planned commands the way the edge of the domain does."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from domain.commands import Command, read_command
from ops.importing.plan import PlannedCommand


@pytest.fixture
def read_at_edge() -> Callable[[PlannedCommand], Command]:
    def read(planned: PlannedCommand) -> Command:
        document = {
            "specversion": "1.0",
            "id": planned.command_id,
            "type": planned.type,
            "source": "/clients/import",
            "subject": planned.person_id,
            "actor": "import:test",
            "data": planned.data,
        }
        raw = json.dumps(document).encode()
        return read_command(raw, subject=planned.type, stored_at=datetime(2026, 1, 1, tzinfo=UTC))

    return read
