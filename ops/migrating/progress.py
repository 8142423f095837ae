"""How far each phase is: a bar with rate and remaining time on a terminal, else a line now and then, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

LINE_EVERY_S = 5.0

Advance = Callable[[int], None]


@contextmanager
def phase(name: str, total: int, *, shown: bool) -> Iterator[Advance]:
    """Show a phase on stderr while it lasts; call the result with how many are done since the last call."""
    console = Console(stderr=True, highlight=False)
    if not shown:
        yield lambda _done: None
    elif console.is_terminal:
        columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(name, total=total)
            yield lambda done: bar.advance(task, done)
    else:
        yield _Lines(console, name, total).advance


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f}/s")


class _Lines:
    def __init__(self, console: Console, name: str, total: int) -> None:
        self._console, self._name, self._total = console, name, total
        self._done = 0
        self._began = self._said = time.monotonic()

    def advance(self, done: int) -> None:
        self._done += done
        now = time.monotonic()
        if now - self._said < LINE_EVERY_S:
            return
        self._said = now
        rate = self._done / (now - self._began)
        left = max(self._total - self._done, 0) / rate if rate else 0.0
        self._console.print(f"{self._name}: {self._done} of {self._total}, {rate:,.0f}/s, {left:.0f} s left")
