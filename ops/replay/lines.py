"""A file of lines that is written piece by piece, and a checkpoint beside it that says how far it is.

Guarantee: a file that was cut off and gone on with has the bytes of one that was written at once: what the checkpoint does not cover is cut
off again, and a line is on the disk before the checkpoint covers it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import orjson


class CheckpointError(Exception):
    """The checkpoint beside the file belongs to another replay, or to a file that is not there any more."""


class LineFile:
    """The file of one replay; a context manager. `place` is what the replay noted with the lines that are there."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.place: dict[str, Any] = {}
        self.lines = 0
        self._path = path
        self._checkpoint = path.with_name(f"{path.name}.checkpoint")
        self._about = about
        self._file: BinaryIO | None = None

    def __enter__(self) -> LineFile:
        found = self._found()
        if found is None and self._path.exists():
            raise CheckpointError(
                f"{self._path.name} is there and has no checkpoint: it is complete, or another file. Name a new one"
            )
        if found is not None and self._path.stat().st_size < found["bytes"]:
            raise CheckpointError(f"{self._path.name} is shorter than its checkpoint says; remove both")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("r+b" if self._path.exists() else "w+b")
        if found is not None:
            self.place, self.lines = found["place"], found["lines"]
            self._file.truncate(found["bytes"])
            self._file.seek(found["bytes"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier run has begun it."""
        return bool(self.place)

    def write(self, lines: Iterable[bytes], place: dict[str, Any]) -> None:
        """Add lines and note where the replay is behind them."""
        assert self._file is not None
        count = 0
        for line in lines:
            self._file.write(line + b"\n")
            count += 1
        self.lines += count
        self._file.flush()
        os.fsync(self._file.fileno())
        self.place = place
        kept = {"about": self._about, "place": place, "lines": self.lines, "bytes": self._file.tell()}
        temporary = self._checkpoint.with_name(f"{self._checkpoint.name}.tmp")
        temporary.write_bytes(orjson.dumps(kept))
        temporary.replace(self._checkpoint)

    def complete(self) -> None:
        """Nothing more comes: the checkpoint goes."""
        self._checkpoint.unlink(missing_ok=True)

    def _found(self) -> dict[str, Any] | None:
        if not self._checkpoint.exists():
            return None
        if not self._path.exists():
            raise CheckpointError(f"{self._checkpoint.name} is there and its file is not; remove it")
        found: dict[str, Any] = orjson.loads(self._checkpoint.read_bytes())
        if found["about"] != self._about:
            raise CheckpointError(
                f"{self._checkpoint.name} belongs to another replay; name another file, or remove both"
            )
        return found
