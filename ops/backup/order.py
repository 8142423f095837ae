"""In which order streams and tables are saved while everything runs, and restored: what rests on what.

Guarantee: whatever was going on while a backup was taken, what it holds is a state from which an installation goes on by itself."""

from __future__ import annotations

from collections.abc import Sequence

from config import streams
from ops.backup.rows import TABLES


def saving_order(names: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Streams before the rows of tables, and streams behind them.

    Positions first: one that lies ahead of the events would keep later events without effects; one that lies behind lets effects come
    again, under the same ids. Commands before the outcomes, so that each saved command that was answered has its answer. The events last:
    nothing that is saved may tell of an event that is not.
    """
    before = [name for name in (streams.POSITIONS, streams.COMMANDS) if name in names]
    last = [name for name in (streams.SAGAS, streams.RULES, streams.EVENTS) if name in names]
    return before, [*(name for name in names if name not in before and name not in last), *last]


def restoring_order(names: Sequence[str]) -> Sequence[str]:
    """Streams and tables as they are restored: events behind all that says what was done with them, commands behind the events."""
    before, behind = saving_order([name for name in names if name not in TABLES])
    rows = [name for name in TABLES if name in names]
    commands = [name for name in before if name == streams.COMMANDS]
    return [*(name for name in before if name not in commands), *rows, *behind, *commands]
