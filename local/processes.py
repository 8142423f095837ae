"""Owns the life of one child process, from its start to its reaped end.

A child has its own session, so a Ctrl-C in the terminal reaches only the parent, and it never outlives the
parent, however the parent ends.
"""

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Literal

from local.errors import StackError

Tie = Literal["kernel", "pipe"]

_GUARDED_EXEC = Path(__file__).with_name("guarded_exec.py")
_LOG_TAIL = 64 * 1024


class ChildProcess:
    """A command that writes to a log file, runs in its own session and dies with this process.

    `keep_open` lists descriptors the child inherits, for instance a lock it shall hold as long as it lives.
    `tie` says how the child learns of the parent's death; the default is the best the platform has.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        keep_open: Sequence[int] = (),
        tie: Tie = "kernel" if sys.platform == "linux" else "pipe",
    ) -> None:
        self.name = name
        self.log = log
        self._command = tuple(command)
        self._env = env
        self._cwd = cwd
        self._keep_open = tuple(keep_open)
        self._tie: Tie = tie
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: int | None = None
        self._log_start = 0
        self.started_at = 0.0

    def start(self) -> None:
        """Start the command; it may be started again after it has ended."""
        if self.running:
            raise StackError(f"{self.name} runs already (process {self.pid})")
        program = shutil.which(self._command[0])
        if program is None:
            raise StackError(f"{self.name} cannot start: there is no program {self._command[0]}")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self.started_at = time.monotonic()
            self._process = _starter().call(lambda: self._spawn(program, log.fileno()))

    @property
    def pid(self) -> int:
        """The process id of the command, also its process group."""
        return self._started.pid

    @property
    def running(self) -> bool:
        """Whether the command has been started and has not ended."""
        return self._process is not None and self.returncode is None

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while the command runs or before its start."""
        if self._process is None or self._process.poll() is None:
            return None
        self._release()
        return self._process.returncode

    @property
    def last_log_line(self) -> str:
        """The last line written since the last start, for an error message."""
        with self.log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, end - _LOG_TAIL))
            lines = log.read().decode(errors="replace").splitlines()
        # An indented line is the inside of a stack trace and says little.
        told = (line.strip() for line in reversed(lines) if line.strip() and not line[0].isspace())
        return next(told, "(its log is empty)")

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the command to end by itself; raises subprocess.TimeoutExpired."""
        self._started.wait(timeout)
        self._release()
        return self._started.returncode

    def pause(self) -> None:
        """Stop the command where it is, as SIGSTOP does; its connections stay open."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused command go on; one that is not paused does not notice."""
        os.killpg(self.pid, signal.SIGCONT)

    def ask_to_end(self) -> None:
        """Ask a running command to end, also a paused one, without waiting for it."""
        if self.running:
            self._started.terminate()
            self.resume()

    def stop(self, timeout: float = 10.0) -> int:
        """Ask the command to end, kill it when the budget is over, and return its exit code."""
        if self.running:
            self.ask_to_end()
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._started.returncode

    def kill(self) -> None:
        """Kill the command and whatever it left in its process group, and wait for its end."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait()

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise StackError(f"{self.name} has not been started")
        return self._process

    def _spawn(self, program: str, log: int) -> subprocess.Popen[bytes]:
        # -I -S: nothing of the environment or of site packages can slow down or break the tie
        guard = [sys.executable, "-I", "-S", str(_GUARDED_EXEC)]
        keep = list(self._keep_open)
        number = os.getpid()
        if self._tie == "pipe":
            number, self._lifeline = os.pipe()
            keep.append(number)
        try:
            return subprocess.Popen(
                [*guard, self._tie, str(number), program, *self._command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
                pass_fds=keep,
            )
        finally:
            if self._tie == "pipe":
                os.close(number)

    def _release(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None


_Spawn = Callable[[], subprocess.Popen[bytes]]


class _Starter:
    """One thread that starts all children and lives as long as this process.

    Linux sends the death signal when the *thread* that started the child ends, so a child started from a
    short-lived worker thread would be killed in the middle of its work.
    """

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._jobs: queue.SimpleQueue[tuple[_Spawn, Future[subprocess.Popen[bytes]]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="child-starter", daemon=True).start()

    def call(self, spawn: _Spawn) -> subprocess.Popen[bytes]:
        """Run `spawn` in the thread and hand back what it returns or raises."""
        done: Future[subprocess.Popen[bytes]] = Future()
        self._jobs.put((spawn, done))
        return done.result()

    def _run(self) -> None:
        while True:
            spawn, done = self._jobs.get()
            try:
                done.set_result(spawn())
            except BaseException as error:
                done.set_exception(error)


_STARTER_LOCK = threading.Lock()
_STARTERS: list[_Starter] = []


def _starter() -> _Starter:
    with _STARTER_LOCK:
        # A forked copy of this process has no such thread.
        if not _STARTERS or _STARTERS[-1].owner != os.getpid():
            _STARTERS.append(_Starter())
        return _STARTERS[-1]
