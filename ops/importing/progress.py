"""The bar that shows how far an import is: persons done, persons per second, remaining time. Only on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Persons per second, as the last half minute went."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} persons/s")


@contextmanager
def progress(total: int, shown: bool) -> Iterator[Callable[[], None]]:
    """Gives what is to be called after each person."""
    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("importing", total=total)
        yield lambda: bar.advance(task)
