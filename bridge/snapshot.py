"""Saves a stream as the server packs it, and makes a stream again from such a pack: chunks with flow control in both directions.

Guarantee: a pack is whole or an error is raised: the server marks its end, and tells how many messages are in it; a stream that is made again
has the messages, sequences and times of the pack. Protocol: NATS JetStream API, STREAM.SNAPSHOT and STREAM.RESTORE."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge.errors import BridgeError
from bridge.jetstream import JetStreamError, api
from bridge.raw_delivery import forget_raw, parse_headers, subscribe_raw

CHUNK_BYTES = 256 << 10
WINDOW_BYTES = 8 << 20
"""What the server sends ahead of our acknowledgements."""
SILENCE_S = 30.0
"""How long the server may take for one chunk."""
RESTORE_S = 3600.0
"""How long the server may take to check and index a stream that it has got whole."""

Moved = Callable[[int], None]
"""Is told bytes as they move."""


class Snapshot(NamedTuple):
    """What a pack holds: configuration and state of the stream as the server tells them, and size and SHA-256 of the file."""

    config: Mapping[str, Any]
    state: Mapping[str, Any]
    size: int
    sha256: str


class SnapshotError(BridgeError):
    """A stream could not be saved or made again."""


async def save_stream(nc: Client, stream: str, target: BinaryIO, *, moved: Moved | None = None) -> Snapshot:
    """Write the pack of a stream without its consumers, each message checked by the server; raises SnapshotError.

    A file that was begun when the error came is of no use.
    """
    chunks: asyncio.Queue[tuple[bytes, bytes, bytes | None]] = asyncio.Queue()

    def take(_subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        chunks.put_nowait((reply, data, headers))

    subscription = await subscribe_raw(nc, nc.new_inbox(), take)
    try:
        asked = {
            "deliver_subject": subscription.subject,
            "no_consumers": True,
            "chunk_size": CHUNK_BYTES,
            "window_size": WINDOW_BYTES,
            "jsck": True,
        }
        try:
            told = await api(nc, f"STREAM.SNAPSHOT.{stream}", asked, timeout_s=SILENCE_S)
        except JetStreamError as error:
            raise SnapshotError(f"stream {stream} cannot be saved: {error.description}") from error
        digest, size = hashlib.sha256(), 0
        while True:
            reply, data, headers = await _next(chunks, stream)
            if not data:
                status = parse_headers(headers).get("Status", "204")
                if status != "204":
                    reason = parse_headers(headers).get("Description", "")
                    raise SnapshotError(f"stream {stream} was not saved to its end: {status} {reason}".rstrip())
                break
            if reply:
                # The window moves on while the chunk is written.
                await nc.publish(reply.decode(), b"")
            target.write(data)
            digest.update(data)
            size += len(data)
            if moved is not None:
                moved(len(data))
    finally:
        forget_raw(nc, subscription)
        await subscription.unsubscribe()
    return Snapshot(told["config"], told["state"], size, digest.hexdigest())


async def restore_stream(
    nc: Client,
    config: Mapping[str, Any],
    state: Mapping[str, Any],
    source: BinaryIO,
    *,
    moved: Moved | None = None,
) -> Mapping[str, Any]:
    """Make a stream from its pack; returns its state as the server tells it. Raises SnapshotError, also when a stream of the name exists.

    `config` is that of the new stream: its name must be the packed one, its replicas may be others.
    """
    stream = str(config["name"])
    asked = {"config": dict(config), "state": dict(state)}
    try:
        told = await api(nc, f"STREAM.RESTORE.{stream}", asked, timeout_s=SILENCE_S)
        subject = str(told["deliver_subject"])
        while chunk := source.read(CHUNK_BYTES):
            answer = await nc.request(subject, chunk, timeout=SILENCE_S)
            if answer.data:
                _require_good(stream, json.loads(answer.data))
            if moved is not None:
                moved(len(chunk))
        answer = await nc.request(subject, b"", timeout=RESTORE_S)
    except JetStreamError as error:
        raise SnapshotError(f"stream {stream} cannot be restored: {error.description}") from error
    except NatsError as error:
        raise SnapshotError(
            f"stream {stream} was not restored: the server gave no answer ({type(error).__name__}); its log says more"
        ) from error
    made = json.loads(answer.data)
    _require_good(stream, made)
    found: Mapping[str, Any] = made["state"]
    return found


async def _next(
    chunks: asyncio.Queue[tuple[bytes, bytes, bytes | None]], stream: str
) -> tuple[bytes, bytes, bytes | None]:
    try:
        async with asyncio.timeout(SILENCE_S):
            return await chunks.get()
    except TimeoutError:
        raise SnapshotError(f"stream {stream} was not saved to its end: no chunk came for {SILENCE_S:g} s") from None


def _require_good(stream: str, answer: Mapping[str, Any]) -> None:
    if "error" in answer:
        raise SnapshotError(f"stream {stream} cannot be restored: {answer['error'].get('description')}")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
