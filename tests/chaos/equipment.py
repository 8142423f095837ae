"""What the harness can do to an installation on this machine: links, disks and clocks of workers. What is not possible says why."""

from __future__ import annotations

import shutil
from pathlib import Path

from local.ports import HOST
from local.proxy import FaultProxy, ProxyThread
from ops.workers import free_port
from tests.chaos.clock import Clock, NotPossibleError, build_library
from tests.chaos.disk import DataDisk
from tests.chaos.plan import WORKERS, Kind


class Equipment:
    """Made before the workers start, closed after they have ended. `unavailable` maps faults that are skipped to the reason."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unavailable: dict[Kind, str] = {}
        self.disks: dict[str, DataDisk] = {}
        self.clocks: dict[str, Clock] = {}
        self.nats_links: dict[str, FaultProxy] = {}
        self._thread = ProxyThread()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for name in WORKERS:
                self.disks[name] = DataDisk(self.data_of(name))
        except NotPossibleError as error:
            self.unavailable[Kind.FULL_DISK] = str(error)
        try:
            library = build_library(folder)
            self.clocks = {name: Clock(library, folder / f"{name}.clock") for name in WORKERS}
        except NotPossibleError as error:
            self.unavailable[Kind.CLOCK_JUMP] = str(error)

    def data_of(self, worker: str) -> Path:
        """The data folder of a worker."""
        return self.folder / worker

    def link_to_nats(self, worker: str, port: int) -> str:
        """A link of the worker's own to the single server on a port; returns the address to use."""
        proxy = FaultProxy(self._thread, f"{worker} to NATS", listen=(HOST, free_port()), target=(HOST, port))
        proxy.start()
        self.nats_links[worker] = proxy
        return f"nats://{proxy.address}"

    def settings_of(self, worker: str) -> dict[str, str]:
        """Environment that puts a worker under the harness."""
        return dict(self.clocks[worker].environment) if worker in self.clocks else {}

    def keep(self) -> None:
        """Copy what is on disks that go away, for whoever looks for a cause."""
        for name, disk in self.disks.items():
            shutil.copytree(disk.folder, self.folder / f"{name}-kept", dirs_exist_ok=True)

    def close(self) -> None:
        """Take everything away."""
        for proxy in self.nats_links.values():
            proxy.stop()
        self._thread.stop()
        for disk in self.disks.values():
            disk.close()
