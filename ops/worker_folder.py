"""The data folder of a worker: one process uses it at a time, from the check before its start until it has ended, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

LOCK = "worker.lock"
"""The locked file; it holds the id of the process that has locked it last."""


class FolderInUseError(Exception):
    """The folder cannot be used; the message says who has it and what to do."""


def hold(folder: Path) -> int:
    """Lock a folder, which is made if it is missing, for this process and for what it becomes by `exec`.

    Returns the descriptor of the lock; raises FolderInUseError. The databases in it have locks of their own, but are opened only when partitions come.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    except BlockingIOError:
        owner = os.pread(lock, 20, 0).decode(errors="replace")
        os.close(lock)
        raise FolderInUseError(
            f"data folder {folder}: the worker with process id {owner or 'unknown'} uses it. "
            "End that one, or choose another folder with --data or PERSON_DATA_DIR"
        ) from None
    except OSError as error:
        raise FolderInUseError(
            f"data folder {folder}: cannot be written ({error.strerror}); choose another with --data or PERSON_DATA_DIR"
        ) from None
    os.set_inheritable(lock, True)
    return lock
