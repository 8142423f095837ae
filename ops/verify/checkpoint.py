"""How far a verification has come, kept in a file so that a run that was cut off goes on with the next partition.

Guarantee: the file is replaced as a whole; it holds counts, ids and names of fields, and no value of a row."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from ops.verify.findings import Tally

VERSION = 1


class CheckpointError(Exception):
    """The file cannot be used; the message says why and what to do."""


class Checkpoint:
    """What is done, and what it found. Without a path nothing is kept."""

    def __init__(self, path: Path | None, about: Mapping[str, Any]) -> None:
        """`about` tells the installation and what is verified: another file is refused."""
        self._path = path
        self._about = dict(about)
        self.began = time.time()
        self.done: dict[int, Tally] = {}

    def load(self) -> None:
        """Go on where the file ends, if there is one; raises CheckpointError."""
        if self._path is None or not self._path.exists():
            return
        try:
            held = orjson.loads(self._path.read_bytes())
            done = {int(number): Tally.restored(one) for number, one in held["done"].items()}
            about, began = held["about"], float(held["began"])
            fits = held["version"] == VERSION
        except (ValueError, LookupError, TypeError) as error:
            raise CheckpointError(f"{self._path} is no checkpoint of a verification; remove it") from error
        if not fits or about != self._about:
            raise CheckpointError(
                f"{self._path} belongs to another installation or another kind of run; remove it or name another file"
            )
        self.done, self.began = done, began

    def finish(self, partition: int, tally: Tally) -> None:
        """Note that a partition is done."""
        self.done[partition] = tally
        if self._path is not None:
            self._write(self._path)

    def remove(self) -> None:
        """The run is over: the next one begins anew."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _write(self, path: Path) -> None:
        held = {
            "version": VERSION,
            "about": self._about,
            "began": self.began,
            "done": {str(number): tally.dumped() for number, tally in self.done.items()},
        }
        temporary = path.with_suffix(path.suffix + ".tmp")
        temporary.write_bytes(orjson.dumps(held))
        temporary.replace(path)
