"""Owns the data folder: one stack at a time uses it, and it has room before any server starts."""

import fcntl
import os
import shutil
import time
from pathlib import Path

from local.errors import StackError

NEEDED_BYTES = 500 * 1024 * 1024

# Servers of a killed stack hold the lock until they have ended too, which takes moments.
_PATIENCE = 2.0
_LOG_LIMIT = 8 * 1024 * 1024


class DataFolder:
    """The folder of one stack, locked from `open` until `close` and until the last server has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.ports = self.path / "ports.json"
        self._lock: int | None = None

    @property
    def lock(self) -> int:
        """The descriptor of the held lock; servers inherit it, so a dying server still keeps the folder."""
        if self._lock is None:
            raise StackError("the stack has not been started")
        return self._lock

    def open(self) -> None:
        """Create the folder, lock it and check its room, or raise a StackError."""
        if self._lock is not None:
            raise StackError("the stack runs already")
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StackError(
                f"cannot write to the data folder {self.path} ({error.strerror}): choose another"
            ) from error
        try:
            self._acquire()
            self._require_room()
            self._set_long_logs_aside()
        except StackError:
            self.close()
            raise

    def close(self) -> None:
        """Give the folder free for another stack."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def shown(self, path: Path) -> str:
        """The path relative to the working directory when it lies below it, for messages."""
        return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)

    def _acquire(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not self._try_lock():
            if time.monotonic() > deadline:
                owner = os.pread(self.lock, 20, 0).decode()
                raise StackError(
                    f"the data folder {self.shown(self.path)} is in use by process {owner or 'unknown'}: "
                    "stop that stack or choose another folder"
                )
            time.sleep(0.05)
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, str(os.getpid()).encode(), 0)

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _require_room(self) -> None:
        free = shutil.disk_usage(self.path).free
        if free < NEEDED_BYTES:
            raise StackError(
                f"the data folder {self.shown(self.path)} has {free // 2**20} MB free, the stack needs "
                f"{NEEDED_BYTES // 2**20} MB: free some space or choose another folder"
            )

    def _set_long_logs_aside(self) -> None:
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > _LOG_LIMIT:
                log.replace(log.with_suffix(".old"))
