"""What a worker sends to one reader in several messages: never more ahead of it than its window, and nothing once it is gone.

Guarantee: memory is bounded however slow the reader is. Each message asks for an acknowledgement: the server answers it with "no
responders" when nobody listens, which ends the flow. A reader that names a window acknowledges by answering, and gets no more than so
many messages ahead; for any other the flow waits until the server has taken what was sent (NATS core, ADR-4 headers and statuses)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

WINDOW_HEADER = "Person-Window"
MAX_WINDOW = 64
UNACKNOWLEDGED = 8
"""Messages between two waits for the server, when the reader acknowledges nothing."""
PATIENCE_S = 10.0
"""How long a reader may leave its window closed."""
APPEARING_S = 0.05
"""How long to wait before the first message is sent again to a reader that does not listen yet."""

_ECHO = "echo"
_STATUS = "Status"
_NO_RESPONDERS = "503"


class ReaderGoneError(Exception):
    """Nobody listens to the flow any more."""


class ReaderSlowError(Exception):
    """The reader has acknowledged nothing for too long."""


def window_in(headers: Mapping[str, str] | None) -> int | None:
    """The window that a reader names in the headers of its request; raises ValueError for one that is none."""
    text = (headers or {}).get(WINDOW_HEADER)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_WINDOW):
        raise ValueError
    return int(text)


class Outflow:
    """Messages to one reader, numbered from 0."""

    def __init__(
        self,
        nc: Client,
        subject: str,
        acknowledge_to: str,
        *,
        window: int | None,
        patience_s: float,
        appears_within_s: float,
    ) -> None:
        self.sent = 0
        self.acknowledged = 0
        """Messages that the reader has acknowledged; 0 for one that does not."""
        self._nc = nc
        self._subject = subject
        self._acknowledge_to = acknowledge_to
        self._window = window
        self._patience_s = patience_s
        self._appears_within_s = appears_within_s
        self._gone = False
        self._echoes = 0
        self._moved = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    @property
    def acknowledges(self) -> bool:
        """Whether the reader has promised to acknowledge."""
        return self._window is not None

    async def send(self, encoded: Callable[[int], bytes]) -> None:
        """Send the message that is made for its number as soon as the reader may get it.

        Raises ReaderGoneError, or ReaderSlowError after the reader's patience.
        """
        async with self._one_at_a_time:
            await self._credit()
            number, self.sent = self.sent, self.sent + 1
            data = encoded(number)
            await self._publish(number, data)
            if number == 0:
                await self._appears(data)

    async def _publish(self, number: int, data: bytes) -> None:
        await self._nc.publish(self._subject, data, reply=f"{self._acknowledge_to}.{number}")

    async def _appears(self, first: bytes) -> None:
        """Send the first message again until somebody listens."""
        until = asyncio.get_running_loop().time() + self._appears_within_s
        while True:
            await self._echoed()
            if not self._gone:
                return
            if asyncio.get_running_loop().time() > until:
                raise ReaderGoneError
            await asyncio.sleep(APPEARING_S)
            self._gone = False
            await self._publish(0, first)

    def heard(self, number: str, message: Msg) -> None:
        """Take what came back for a message: an acknowledgement of everything up to it, or that nobody was there."""
        if number == _ECHO:
            self._echoes += 1
        elif message.headers and message.headers.get(_STATUS) == _NO_RESPONDERS:
            self._gone = True
        elif number.isdigit():
            self.acknowledged = max(self.acknowledged, min(int(number) + 1, self.sent))
        self._moved.set()

    async def _echoed(self) -> None:
        """Return when the server has taken everything that was sent, and has told if somebody was not there."""
        wanted = self._echoes + 1
        await self._nc.publish(f"{self._acknowledge_to}.{_ECHO}", b"")
        try:
            async with asyncio.timeout(self._patience_s):
                while self._echoes < wanted:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            raise ReaderGoneError from None

    async def _credit(self) -> None:
        if self._window is None:
            if self.sent % UNACKNOWLEDGED == UNACKNOWLEDGED - 1:
                await self._echoed()
        else:
            try:
                async with asyncio.timeout(self._patience_s):
                    while not self._gone and self.sent - self.acknowledged >= self._window:
                        self._moved.clear()
                        await self._moved.wait()
            except TimeoutError:
                raise ReaderSlowError from None
        if self._gone:
            raise ReaderGoneError


class Outflows:
    """All flows of a worker; one subscription hears their readers."""

    def __init__(self, nc: Client, *, patience_s: float = PATIENCE_S) -> None:
        self._nc = nc
        self._patience_s = patience_s
        self._open: dict[str, Outflow] = {}
        self._names = itertools.count()
        self._inbox = ""
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Listen to readers."""
        self._inbox = self._nc.new_inbox()
        self._subscription = await self._nc.subscribe(f"{self._inbox}.*.*", cb=self._heard)

    async def stop(self) -> None:
        """Listen no more."""
        if self._subscription is not None and not self._nc.is_closed:
            with contextlib.suppress(NatsError):
                await self._subscription.unsubscribe()
        self._subscription = None

    @contextlib.contextmanager
    def to(self, subject: str, window: int | None, *, appears_within_s: float = 0.0) -> Iterator[Outflow]:
        """A flow to a subject, until the context is left. A reader may begin to listen within `appears_within_s`."""
        name = str(next(self._names))
        self._open[name] = flow = Outflow(
            self._nc,
            subject,
            f"{self._inbox}.{name}",
            window=window,
            patience_s=self._patience_s,
            appears_within_s=appears_within_s,
        )
        try:
            yield flow
        finally:
            del self._open[name]

    async def _heard(self, message: Msg) -> None:
        _, name, number = message.subject.rsplit(".", 2)
        flow = self._open.get(name)
        if flow is not None:
            flow.heard(number, message)
