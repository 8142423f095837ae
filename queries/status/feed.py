"""Server-sent events: the status document of a worker once a second, to a bounded number of viewers.

Guarantee: the document is made once for all viewers and only while there is one. A viewer that reads too slowly misses documents, and is cut off
when it takes nothing for five seconds; neither the worker nor another viewer waits for it. All are told when the worker stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp.web import Request, StreamResponse, json_response

from bridge.ending import end

EVERY_S = 1.0
MAX_VIEWERS = 16
PATIENCE_S = 5.0
STOP_BUDGET_S = 0.5
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    # A proxy that collects what it forwards would show everything late.
    "X-Accel-Buffering": "no",
}
LAST = b"event: end\ndata: {}\n\n"


class _Viewer:
    """One open connection: the newest frame that it has not got yet."""

    def __init__(self) -> None:
        self._frame: bytes | None = None
        self._wake = asyncio.Event()

    def offer(self, frame: bytes) -> None:
        """Replace what it has not taken."""
        self._frame = frame
        self._wake.set()

    async def next(self) -> bytes:
        """The newest frame, once."""
        await self._wake.wait()
        self._wake.clear()
        frame, self._frame = self._frame, None
        assert frame is not None
        return frame


class StatusFeed:
    """Samples once a second with `sample`, and sends what `document` gives, in JSON, to whoever watches."""

    def __init__(
        self,
        sample: Callable[[], None],
        document: Callable[[], bytes],
        *,
        every_s: float = EVERY_S,
        max_viewers: int = MAX_VIEWERS,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._sample = sample
        self._document = document
        self._every_s = every_s
        self._max_viewers = max_viewers
        self._patience_s = patience_s
        self._viewers: dict[_Viewer, asyncio.Task[object] | None] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.cut_off = 0
        """Viewers that were cut off because they took nothing."""

    def start(self) -> None:
        """Begin to sample."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="status feed")

    async def stop(self) -> None:
        """Tell the viewers that it ends, and let their connections go."""
        self._stopping = True
        if self._task is not None:
            await end(self._task)
        for viewer in self._viewers:
            viewer.offer(LAST)
        serving = [task for task in self._viewers.values() if task is not None]
        if serving:
            await asyncio.wait(serving, timeout=STOP_BUDGET_S)

    @property
    def viewers(self) -> int:
        """Connections that are open now."""
        return len(self._viewers)

    async def serve(self, request: Request) -> StreamResponse:
        """Answer one viewer until it leaves, is cut off, or the worker stops; 503 when there are too many."""
        if self._stopping or len(self._viewers) >= self._max_viewers:
            reason = "the worker stops" if self._stopping else f"{self._max_viewers} viewers watch already"
            return json_response({"error": reason}, status=503, headers={"Retry-After": "5"})
        viewer = _Viewer()
        self._viewers[viewer] = asyncio.current_task()
        response = StreamResponse(headers=HEADERS)
        try:
            viewer.offer(self._frame())
            async with asyncio.timeout(self._patience_s):
                await response.prepare(request)
            await self._write(response, viewer)
        except TimeoutError:
            self.cut_off += 1
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            # It has left.
            pass
        finally:
            del self._viewers[viewer]
        return response

    async def _write(self, response: StreamResponse, viewer: _Viewer) -> None:
        while True:
            frame = await viewer.next()
            async with asyncio.timeout(self._patience_s):
                await response.write(frame)
            if frame is LAST:
                return

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time()
        while True:
            at = max(at + self._every_s, loop.time())
            await asyncio.sleep(at - loop.time())
            self._sample()
            if self._viewers:
                frame = self._frame()
                for viewer in self._viewers:
                    viewer.offer(frame)

    def _frame(self) -> bytes:
        return b"event: status\ndata: " + self._document() + b"\n\n"
