"""Chromium without a window, spoken to by its own protocol: opens a page, waits, gathers its errors and takes a picture."""

from __future__ import annotations

import asyncio
import base64
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
STARTS_WITHIN_S = 30.0


def browser() -> str | None:
    """The browser's program, None without one."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Page:
    """One open page. `errors` are exceptions of its scripts and what the browser refused to load or run."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.errors: list[str] = []
        self._socket = socket
        self._asked = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())

    async def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol; raises RuntimeError when the browser refuses it."""
        self._asked += 1
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[self._asked] = answer
        await self._socket.send_json({"id": self._asked, "method": method, "params": parameters})
        found = await asyncio.wait_for(answer, 30)
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']}")
        result: dict[str, Any] = found["result"]
        return result

    async def begin(self) -> None:
        """Listen for errors from before the page is there."""
        for domain in ("Page", "Runtime", "Log"):
            await self.do(f"{domain}.enable")

    async def open(self, url: str, *, width: int, height: int, scheme: Literal["light", "dark"]) -> None:
        """Show a page in a window of a size."""
        await self.do(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        await self.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await self.do("Page.navigate", url=url)

    async def value(self, expression: str) -> Any:
        """What an expression is in the page."""
        found = await self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    async def until(self, expression: str, budget_s: float = 20.0) -> None:
        """Wait until an expression is true in the page; raises TimeoutError."""
        async with asyncio.timeout(budget_s):
            while not await self.value(expression):  # noqa: ASYNC110  # the page tells nobody
                await asyncio.sleep(0.1)

    async def photograph(self, file: Path) -> None:
        """The whole page as a PNG."""
        taken = await self.do("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        await asyncio.to_thread(_write, file, base64.b64decode(taken["data"]))

    async def close(self) -> None:
        """Leave the page."""
        self._reading.cancel()
        await asyncio.wait({self._reading})

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                continue
            told = message.json()
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            elif told.get("method") == "Runtime.exceptionThrown":
                self.errors.append(str(told["params"]["exceptionDetails"].get("text")))
            elif told.get("method") == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
                self.errors.append(str(told["params"]["entry"]["text"]))


@asynccontextmanager
async def opened() -> AsyncIterator[Page]:
    """An empty page of a browser that ends with the block; raises FileNotFoundError without a browser."""
    program = browser()
    if program is None:
        raise FileNotFoundError(f"no browser: none of {', '.join(PROGRAMS)} is on the PATH")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            # Letters in grey alone make small pictures.
            "--disable-lcd-text",
            "--remote-debugging-port=0",
            f"--user-data-dir={folder}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            port = await _port(Path(folder) / "DevToolsActivePort")
            async with ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as listed:
                    targets = await listed.json()
                address = next(one["webSocketDebuggerUrl"] for one in targets if one["type"] == "page")
                async with session.ws_connect(address, max_msg_size=64 << 20) as socket:
                    page = Page(socket)
                    await page.begin()
                    try:
                        yield page
                    finally:
                        await page.close()
        finally:
            process.terminate()
            await process.wait()


async def _port(file: Path) -> int:
    async with asyncio.timeout(STARTS_WITHIN_S):
        while (port := await asyncio.to_thread(_read, file)) is None:  # noqa: ASYNC110  # the browser tells nobody
            await asyncio.sleep(0.05)
    return port


def _read(file: Path) -> int | None:
    lines = file.read_text().split() if file.exists() else []
    return int(lines[0]) if lines else None


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
