"""A TCP proxy in front of one server address that can be told to misbehave: cut, delay, swallow or throttle a link.

It runs in a thread of its own, so a stopped server or a busy caller never stops it. Bytes of a direction keep their order, what
waits in the proxy is bounded, and without a fault nothing is lost or changed.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import uvloop

from local.errors import StackError
from local.link import Counts, Faults, Link, Way

__all__ = ["Address", "Counts", "Direction", "FaultProxy", "ProxyThread"]

T = TypeVar("T")

Direction = Literal["to_server", "to_client", "both"]
Address = tuple[str, int]

_ANSWER_BUDGET = 10.0
_WAYS: dict[Direction, tuple[Way, ...]] = {
    "to_server": ("to_server",),
    "to_client": ("to_client",),
    "both": ("to_server", "to_client"),
}


class ProxyThread:
    """One thread with an event loop, for any number of proxies; a context manager."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fault-proxies", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the thread and return what it returns; raises TimeoutError after 10 s."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_BUDGET)

    def stop(self) -> None:
        """End the thread; proxies that still run lose their connections. A second stop does nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


@dataclass(frozen=True)
class _State:
    cut: bool
    half_open: bool
    delayed: bool
    throttled: bool


class FaultProxy:
    """One listening address in front of one server. Every method may be called from any thread and returns when it is in force.

    Faults of different kinds add up; `heal` ends all of them. `seed` makes the jitter of `delay` repeatable.
    """

    def __init__(self, thread: ProxyThread, name: str, *, listen: Address, target: Address, seed: int = 0) -> None:
        self.name = name
        self.listen = listen
        self.target = target
        self._thread = thread
        self._random = random.Random(seed)  # noqa: S311 - jitter, not a secret
        self._faults: dict[Way, Faults] = {way: Faults() for way in _WAYS["both"]}
        self._counts = Counts()
        self._links: set[Link] = set()
        self._unused = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._cut = False
        self._started = False

    @property
    def address(self) -> str:
        """Where clients connect, as `host:port`."""
        return f"{self.listen[0]}:{self.listen[1]}"

    @property
    def port(self) -> int:
        """The port where clients connect."""
        return self.listen[1]

    def start(self) -> None:
        """Listen; raises StackError when the address cannot be used."""
        self._thread.call(self._start())

    def stop(self) -> None:
        """Reset all connections and listen no more; a second stop does nothing."""
        self._thread.call(self._stop())

    def cut(self) -> None:
        """Reset all connections and refuse new ones until `heal`."""
        self._thread.call(self._apply_cut())

    def delay(self, seconds: float, jitter: float = 0.0, direction: Direction = "both") -> None:
        """Deliver bytes `seconds` later, and up to `jitter` seconds more at random; the order stays."""
        if seconds < 0 or jitter < 0:
            raise ValueError("delay: seconds and jitter must not be negative")
        self._thread.call(self._change(_WAYS[direction], delay_s=seconds, jitter_s=jitter))

    def throttle(self, bytes_per_s: float, direction: Direction = "both") -> None:
        """Carry at most this many bytes per second on each connection and direction."""
        if bytes_per_s <= 0:
            raise ValueError("throttle: bytes_per_s must be positive; use half_open for a link that carries nothing")
        self._thread.call(self._change(_WAYS[direction], bytes_per_s=bytes_per_s))

    def half_open(self, direction: Direction = "both") -> None:
        """Swallow the bytes, and the end of a connection, while connections look alive; `heal` resets those connections."""
        self._thread.call(self._change(_WAYS[direction], swallow=True))

    def heal(self) -> None:
        """End every fault: listen again, deliver at once what waits, reset the connections that lost bytes."""
        self._thread.call(self._heal())

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that are in force, by the names of the methods."""
        state = self._thread.call(self._state())
        names = {"cut": state.cut, "delay": state.delayed, "half_open": state.half_open, "throttle": state.throttled}
        return tuple(name for name, on in names.items() if on)

    @property
    def counts(self) -> Counts:
        """What the proxy has carried, swallowed and reset since its start."""
        return self._thread.call(self._snapshot())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _start(self) -> None:
        self._started = True
        await self._open()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        host, port = self.listen
        try:
            self._server = await loop.create_server(self._accept, host, port)
        except OSError as error:
            raise StackError(f"the proxy {self.name} cannot listen on {self.address} ({error.strerror})") from error

    async def _stop(self) -> None:
        self._started = False
        await self._close()

    async def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        self._reset(list(self._links))
        # The sockets are closed by callbacks of the loop; whoever waits for this shall find them closed.
        if self._links:
            self._unused.clear()
            await self._unused.wait()
        if server is not None:
            await server.wait_closed()

    async def _apply_cut(self) -> None:
        self._cut = True
        await self._close()

    async def _change(self, ways: Iterable[Way], **values: Any) -> None:
        for way in ways:
            faults = self._faults[way]
            for name, value in values.items():
                setattr(faults, name, value)
        for link in self._links:
            link.faults_changed()

    async def _heal(self) -> None:
        for faults in self._faults.values():
            faults.clear()
        self._reset([link for link in self._links if link.lossy])
        for link in self._links:
            link.deliver_now()
        if self._cut:
            self._cut = False
            if self._started:
                await self._open()

    async def _state(self) -> _State:
        both = self._faults.values()
        return _State(
            cut=self._cut,
            half_open=any(faults.swallow for faults in both),
            delayed=any(faults.delay_s or faults.jitter_s for faults in both),
            throttled=any(faults.bytes_per_s is not None for faults in both),
        )

    async def _snapshot(self) -> Counts:
        return self._counts.copy(open=len(self._links))

    def _accept(self) -> asyncio.Protocol:
        self._counts.accepted += 1
        link = Link(self.target, self._faults, self._counts, self._random, on_ended=self._forget)
        self._links.add(link)
        return link.client

    def _forget(self, link: Link) -> None:
        self._links.discard(link)
        if not self._links:
            self._unused.set()

    def _reset(self, links: Iterable[Link]) -> None:
        for link in links:
            self._counts.reset += 1
            link.reset()
