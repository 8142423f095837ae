"""Becomes the command it is given, after tying its life to the life of the process that started it.

It runs on the bare interpreter (no site packages, nothing of this project) and keeps its process id, so the
caller signals and reaps the command itself. Two ties exist: `kernel` asks Linux for SIGKILL when the parent
dies; `pipe` leaves a watcher in the same process group that kills the group when the parent's pipe closes.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to its parent as `kernel PARENT` or `pipe DESCRIPTOR` says, then become the rest."""
    tie, number, *command = arguments
    if tie == "kernel":
        _die_with_parent(parent=int(number))
    else:
        _leave_watcher(pipe=int(number))
    try:
        os.execv(command[0], command)  # noqa: S606 - the caller's fixed argument list, no shell
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # the parent died before the kernel knew of our wish
        os._exit(1)


def _leave_watcher(pipe: int) -> None:
    middle = os.fork()
    if middle:
        os.close(pipe)
        os.waitpid(middle, 0)
        return
    # Forked twice, so that the command never meets a child it did not start.
    if os.fork():
        os._exit(0)
    for descriptor in range(256):
        if descriptor != pipe:
            try:
                os.close(descriptor)
            except OSError:
                continue
    while os.read(pipe, 1):
        pass
    # The watcher is a member of the group, so the group id cannot have been reused meanwhile.
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
