"""One proxied connection: a client's socket, a server's socket and a bounded flow of bytes in each direction, under faults."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

Way = Literal["to_server", "to_client"]

WAITING_LIMIT = 1 << 20
"""Bytes of one direction of one connection that wait in the proxy before it stops reading."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
# A throttled link delivers in pieces of this time, not in lumps of a whole read.
_PIECE_S = 0.02


@dataclass
class Faults:
    """What is wrong with one direction of all connections."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float | None = None
    swallow: bool = False

    def clear(self) -> None:
        """Nothing is wrong."""
        self.delay_s = self.jitter_s = 0.0
        self.bytes_per_s = None
        self.swallow = False

    @property
    def slow(self) -> bool:
        """Whether bytes must wait."""
        return self.delay_s > 0 or self.jitter_s > 0 or self.bytes_per_s is not None


@dataclass
class Counts:
    """What a proxy has done since its start; `open` is the number of connections now."""

    accepted: int = 0
    unreachable: int = 0
    reset: int = 0
    open: int = 0
    bytes_to_server: int = 0
    bytes_to_client: int = 0
    swallowed_to_server: int = 0
    swallowed_to_client: int = 0

    def copy(self, *, open: int) -> Counts:  # noqa: A002 - the name of the field
        """A copy that no longer changes."""
        return replace(self, open=open)

    def carried(self, way: Way, size: int) -> None:
        """Count delivered bytes."""
        if way == "to_server":
            self.bytes_to_server += size
        else:
            self.bytes_to_client += size

    def swallowed(self, way: Way, size: int) -> None:
        """Count bytes that nobody will see."""
        if way == "to_server":
            self.swallowed_to_server += size
        else:
            self.swallowed_to_client += size


class Link:
    """A client's connection and its counterpart to the server; it ends as a whole when one side ends."""

    def __init__(
        self,
        target: tuple[str, int],
        faults: Mapping[Way, Faults],
        counts: Counts,
        chance: random.Random,
        *,
        on_ended: Callable[[Link], None],
    ) -> None:
        self._target = target
        self._faults = faults
        self._counts = counts
        self._on_ended = on_ended
        self.lossy = False
        self.client = _Side(self, "to_server")
        self.server = _Side(self, "to_client")
        self.client.flow = _Flow(self.client, self.server, faults["to_server"], counts, chance)
        self.server.flow = _Flow(self.server, self.client, faults["to_client"], counts, chance)
        self._connecting: asyncio.Task[None] | None = None
        self._ending = False
        self._note_faults()

    @property
    def ending(self) -> bool:
        """Whether both sides were told to end."""
        return self._ending

    def client_connected(self) -> None:
        """Connect to the server; what the client sends before waits."""
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def side_lost(self, side: _Side) -> None:
        """One side has ended: the other one ends after what waits for it, or hears nothing when the way there swallows."""
        if self._ending or self._faults[side.way].swallow:
            self._forget_if_over()
            return
        assert side.flow is not None
        side.flow.end()
        self._forget_if_over()

    def reset(self) -> None:
        """End both sides at once, so that both peers see a reset."""
        self._ending = True
        if self._connecting is not None:
            self._connecting.cancel()
        for side in (self.client, self.server):
            assert side.flow is not None
            side.flow.drop()
            side.abort()
        self._forget_if_over()

    def faults_changed(self) -> None:
        """Take note of new faults; what waits already keeps its time."""
        self._note_faults()

    def deliver_now(self) -> None:
        """Deliver what waits without further delay."""
        for side in (self.client, self.server):
            assert side.flow is not None
            side.flow.deliver_now()

    def _note_faults(self) -> None:
        self.lossy = self.lossy or any(faults.swallow for faults in self._faults.values())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.server, *self._target)
        except OSError:
            self._counts.unreachable += 1
            if not self._faults["to_client"].swallow:
                self.reset()
            return
        assert self.client.flow is not None
        self.client.flow.go_on()

    def _forget_if_over(self) -> None:
        connecting = self._connecting is not None and not self._connecting.done()
        if self.client.closed and self.server.closed and not (connecting and not self._ending):
            for side in (self.client, self.server):
                assert side.flow is not None
                side.flow.drop()
            self._on_ended(self)


class _Side(asyncio.Protocol):
    """One socket of a link. `way` is the direction of the bytes that it receives."""

    def __init__(self, link: Link, way: Way) -> None:
        self.link = link
        self.way: Way = way
        self.flow: _Flow | None = None
        self.lost = False
        self._full = False
        self._transport: asyncio.Transport | None = None

    @property
    def closed(self) -> bool:
        return self._transport is None or self.lost

    @property
    def writable(self) -> bool:
        return not self.closed and not self._full

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Those of uvloop are transports without inheriting from the class.
        self._transport = made = cast(asyncio.Transport, transport)
        if self.link.ending:
            self.abort()
            return
        made.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.way == "to_server":
            self.link.client_connected()

    def data_received(self, data: bytes) -> None:
        assert self.flow is not None
        self.flow.take(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature of the protocol
        self.lost = True
        self.link.side_lost(self)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        other = self.link.client if self is self.link.server else self.link.server
        assert other.flow is not None
        other.flow.go_on()

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None and not self.closed:
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._transport.abort()

    def pause(self) -> None:
        if self._transport is not None and not self.closed and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self.closed and not self._transport.is_closing():
            self._transport.resume_reading()


class _Flow:
    """The bytes of one direction: straight through without faults, else through a bounded queue with due times."""

    def __init__(self, source: _Side, sink: _Side, faults: Faults, counts: Counts, chance: random.Random) -> None:
        self._source = source
        self._sink = sink
        self._faults = faults
        self._counts = counts
        self._chance = chance
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._last_due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._ended = False

    def take(self, data: bytes) -> None:
        """Bytes arrived from the source."""
        if self._faults.swallow or self._sink.lost:
            self._counts.swallowed(self._source.way, len(data))
        elif not self._waiting and self._sink.writable and not self._faults.slow:
            self._deliver(data)
        else:
            self._queue(data)
            self.go_on()

    def end(self) -> None:
        """The source has ended: close the sink after what waits."""
        self._ended = True
        self.go_on()

    def drop(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._size = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def deliver_now(self) -> None:
        """What waits is due."""
        self._waiting = deque((0.0, data) for _, data in self._waiting)
        self._last_due = 0.0
        self.go_on()

    def go_on(self) -> None:
        """Deliver what is due while the sink takes it, and come back for the rest."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._waiting and self._sink.writable:
            due, data = self._waiting[0]
            if due > loop.time():
                self._timer = loop.call_at(due, self.go_on)
                break
            self._waiting.popleft()
            self._size -= len(data)
            if self._faults.swallow:
                self._counts.swallowed(self._source.way, len(data))
            else:
                self._deliver(data)
        if self._paused and self._size < WAITING_LIMIT // 2:
            self._paused = False
            self._source.resume()
        if self._ended and not self._waiting:
            self._sink.close()

    def _queue(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        rate = self._faults.bytes_per_s
        step = len(data) if rate is None else max(1, int(rate * _PIECE_S))
        due = now + self._faults.delay_s + self._chance.uniform(0, self._faults.jitter_s)
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            due = max(due, self._last_due) + (len(piece) / rate if rate is not None else 0.0)
            self._waiting.append((due, piece))
            self._last_due = due
        self._size += len(data)
        if self._size >= WAITING_LIMIT and not self._paused:
            self._paused = True
            self._source.pause()

    def _deliver(self, data: bytes) -> None:
        self._counts.carried(self._source.way, len(data))
        self._sink.write(data)
