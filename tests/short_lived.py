"""Servers and workers whose data is thrown away are killed at their end: an orderly one takes seconds and is looked at by tests of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from local.stack import Stack
from ops.workers import Worker


@contextmanager
def short_lived(stack: Stack) -> Iterator[Stack]:
    """The stack, started; all its servers are killed at the end."""
    with stack:
        try:
            yield stack
        finally:
            for node in stack.nodes:
                stack.kill_nats(node)
                stack.kill_kafka(node)


def kill_team(team: Iterable[Worker]) -> None:
    """Kill all workers that run."""
    for worker in team:
        if worker.started:
            worker.process.kill()
