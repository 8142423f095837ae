"""The servers that an installation on this machine uses: the embedded ones, or those that the environment names.

`PERSON_NATS_URL` and `PERSON_KAFKA_BOOTSTRAP` together mean servers of your own; then nothing is started or stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local.errors import StackError
from local.stack import Stack

OWN = ("PERSON_NATS_URL", "PERSON_KAFKA_BOOTSTRAP")


class Addresses(Protocol):
    """Where both servers answer."""

    @property
    def nats_url(self) -> str:
        """Address of NATS."""

    @property
    def kafka_bootstrap(self) -> str:
        """Bootstrap address of Kafka."""


@dataclass(frozen=True)
class Servers:
    """Addresses and, of embedded servers, the replicas that they can hold and what to watch."""

    nats_url: str
    kafka_bootstrap: str
    replicas: int | None = None
    _stack: Stack | None = None

    @property
    def nats_pids(self) -> tuple[int, ...]:
        """Process ids of the embedded NATS servers."""
        return self._stack.endpoints.nats_pids if self._stack is not None else ()

    @property
    def kafka_pids(self) -> tuple[int, ...]:
        """Process ids of the embedded Kafka brokers."""
        return self._stack.endpoints.kafka_pids if self._stack is not None else ()

    @property
    def embedded(self) -> bool:
        """Whether they were started for this installation alone."""
        return self._stack is not None

    def check(self) -> list[str]:
        """Start again what has ended in a cluster, one line each; raises StackError when a single server has ended."""
        return self._stack.revive() if self._stack is not None else []


@contextmanager
def servers(
    data: Path,
    *,
    nodes: int = 1,
    nats_port: int | None = None,
    kafka_port: int | None = None,
    progress: Callable[[str], None],
) -> Iterator[Servers]:
    """Run the embedded servers on a data folder, or use those of the environment; raises StackError with what to do."""
    given = [name for name in OWN if os.environ.get(name)]
    if len(given) == 1:
        missing = next(name for name in OWN if name not in given)
        raise StackError(f"{given[0]} is set and {missing} is not: set both to use your own servers, or none")
    if given and nodes > 1:
        raise StackError(f"--nodes starts servers, and {' and '.join(OWN)} name your own: leave one of both out")
    if given:
        nats_url, kafka_bootstrap = (os.environ[name] for name in OWN)
        progress(f"using NATS at {nats_url} and Kafka at {kafka_bootstrap}")
        yield Servers(nats_url, kafka_bootstrap)
        return
    with Stack(data, nodes=nodes, nats_port=nats_port, kafka_port=kafka_port, progress=progress) as stack:
        found = stack.endpoints
        yield Servers(found.nats_url, found.kafka_bootstrap, stack.replicas, stack)
