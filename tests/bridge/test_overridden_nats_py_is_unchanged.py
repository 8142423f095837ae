"""The bridge reaches into nats-py in two places. When the source of one changes, the place must be read again before this passes."""

from __future__ import annotations

import hashlib
import inspect
from typing import Any

import pytest
from nats.aio.client import Client
from nats.protocol.parser import Parser

PINNED = [
    (
        Client._process_msg,
        "6cff75947e97717a14ec0ed53f1679b8179e81d18a2fafff780baa08160ecc0a",
        "bridge/raw_delivery.py takes its place for raw subscriptions: arguments, statistics, and that nothing else sees a message",
    ),
    (
        Parser.parse,
        "7d6165f1766cccd19e50819ea4b6e8f6a51fd9791df821b381b632a31fdb7985",
        "bridge/raw_delivery.py: it must still look `_process_msg` up on the connection for every message",
    ),
    (
        Client._send_command,
        "ed57e8e86389cf94075e57d1e4ff595cd89ff1f839fcc1c561ef61003ad8a28a",
        "bridge/batch.py writes a whole batch through it: what is appended must leave in one piece and in order",
    ),
    (
        Client._flush_pending,
        "317c8d7ef54b90b747440656c8e5b70db440f41eb2b6f69b9bf4c3bcdd8a0b08",
        "bridge/batch.py: it must still wake the flusher",
    ),
]


@pytest.mark.parametrize(("part", "digest", "reason"), PINNED, ids=lambda value: getattr(value, "__qualname__", ""))
def test_the_source_is_the_one_that_was_read(part: Any, digest: str, reason: str) -> None:
    assert hashlib.sha256(inspect.getsource(part).encode()).hexdigest() == digest, reason
