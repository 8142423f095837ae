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
    """Addresses and, of embedded servers, process ids. `check` raises StackError when an embedded server has ended."""

    nats_url: str
    kafka_bootstrap: str
    nats_pid: int | None
    kafka_pid: int | None
    check: Callable[[], None]


@contextmanager
def servers(
    data: Path, *, nats_port: int | None = None, kafka_port: int | None = None, progress: Callable[[str], None]
) -> Iterator[Servers]:
    """Run the embedded servers on a data folder, or use those of the environment; raises StackError with what to do."""
    given = [name for name in OWN if os.environ.get(name)]
    if len(given) == 1:
        missing = next(name for name in OWN if name not in given)
        raise StackError(f"{given[0]} is set and {missing} is not: set both to use your own servers, or none")
    if given:
        nats_url, kafka_bootstrap = (os.environ[name] for name in OWN)
        progress(f"using NATS at {nats_url} and Kafka at {kafka_bootstrap}")
        yield Servers(nats_url, kafka_bootstrap, None, None, lambda: None)
        return
    with Stack(data, nats_port=nats_port, kafka_port=kafka_port, progress=progress) as stack:
        found = stack.endpoints
        yield Servers(found.nats_url, found.kafka_bootstrap, found.nats_pid, found.kafka_pid, stack.check)
