"""Follows pages as a newcomer does: their commands, typed into one shell for each page, in a fresh copy of the project.

Guarantee: a command that fails, prints something else than promised or does not come to an end makes the walk fail, with its place
and what it printed. Whatever was started is ended, also when the walk itself is killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.docs.snippets import Snippet, differences, snippets
from tests.docs.warm_person import write_program

ROOT = Path(__file__).parent.parent.parent
LEFT_OUT = {
    ".git",
    ".venv",
    "build",
    ".hypothesis",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".import_linter_cache",
}
BACKGROUND_BUDGET_S = 90.0
END_BUDGET_S = 40.0
GUARD = ROOT / "local" / "guarded_exec.py"
POLL_S = 0.02


class WalkError(Exception):
    """A page does not lead where it says; the message shows the command and what it printed."""


@dataclass
class Walked:
    """What became of the commands of a page."""

    run: int = 0
    repeated: int = 0
    left_to_make_docs: int = 0
    not_run: int = 0
    seconds: float = 0.0
    reasons: list[str] = field(default_factory=list)


class Walk:
    """A copy of the project, the servers that a page has started in it, and what runs in the background; a context manager."""

    def __init__(self, folder: Path, *, long: bool, warm: Path | None = None) -> None:
        """`long`: run what is left to `make docs`, too. `warm`: the socket of a warm `person`."""
        self._home = folder / "person-stream"
        self._logs = folder / "logs"
        self._long = long
        self._warm = warm
        self._servers: subprocess.Popen[bytes] | None = None
        self._background: list[subprocess.Popen[bytes]] = []
        self._typed: set[str] = set()
        self._begun_with: set[str] = set()

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True)
        self._home.mkdir()
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
        for path in ROOT.iterdir():
            if path.name not in LEFT_OUT:
                (self._home / path.name).symlink_to(path)
        if listed.returncode == 0:
            (self._home / ".git").symlink_to(ROOT / ".git")
        environment = self._home / ".venv"
        programs = environment / "bin"
        programs.mkdir(parents=True)
        for path in (*(ROOT / ".venv").iterdir(), *(ROOT / ".venv" / "bin").iterdir()):
            if path.name not in ("bin", "ready"):
                (environment / path.relative_to(ROOT / ".venv")).symlink_to(path)
        (environment / "ready").touch()
        if self._warm is not None:
            (programs / "person").unlink()
            write_program(programs / "person", self._warm)
        self._begun_with = {path.name for path in self._home.iterdir()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_background()
        if self._servers is not None:
            _end(self._servers)

    def follow(self, page: Path) -> Walked:
        """Run the commands of a page in order; raises WalkError at the first that does not do what the page says."""
        walked = Walked()
        begun = time.monotonic()
        together: list[Snippet] = []
        try:
            for one in snippets(page):
                is_long = one.mark.startswith("long") and not self._long
                if one.mark == "not run" or is_long:
                    walked.reasons.append(f"{one.place}: {one.mark}: {one.value}")
                    walked.not_run += not is_long
                    walked.left_to_make_docs += is_long
                elif self._is_repeated(one):
                    walked.repeated += 1
                else:
                    together.append(one)
            self._run(page, together)
            walked.run = len(together)
        finally:
            self._end_background()
        walked.seconds = round(time.monotonic() - begun, 2)
        return walked

    def left_behind(self) -> list[str]:
        """What the pages have left in the folder of the project, besides `build`."""
        return sorted({path.name for path in self._home.iterdir()} - self._begun_with - {"build"})

    def _is_repeated(self, one: Snippet) -> bool:
        """Pages of the runbook begin with the same command; `make docs` types it each time."""
        alone = not one.mark and one.text.count("\n") == 1 and "$" not in one.text
        return alone and not self._long and one.text in self._typed

    def _run(self, page: Path, together: Sequence[Snippet]) -> None:
        """One shell for the page; it waits between the fences for what is done beside it."""
        if not together:
            return
        logs = self._logs / page.relative_to(ROOT)
        logs.mkdir(parents=True)
        with _Shell(self._home, logs) as shell:
            for number, one in enumerate(together):
                if one.mark == "file":
                    target = self._home / one.value
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_text(one.text)
                elif one.mark == "servers until":
                    if self._servers is None:
                        self._servers = self._start(one, logs / f"{number}.log", shell)
                elif one.mark.endswith("background until"):
                    self._background.append(self._start(one, logs / f"{number}.log", shell))
                else:
                    self._type(one, shell)

    def _type(self, one: Snippet, shell: _Shell) -> None:
        text = f".venv/bin/python - <<'END_OF_SNIPPET'\n{one.text}END_OF_SNIPPET\n" if one.mark == "run" else one.text
        wanted = int(one.value) if one.mark == "exits with" else 0
        code, printed = shell.type(text, stop_at_errors=wanted == 0)
        if code != wanted:
            raise WalkError(f"{one.place} ended with {code} instead of {wanted}\n{one.text}\nprinted:\n{printed}")
        missing = list(differences(one.output, printed))
        self._typed.add(one.text)
        if missing:
            lines = "\n".join(missing)
            raise WalkError(f"{one.place} did not print\n{lines}\nof\n{one.text}\nprinted:\n{printed}")

    def _start(self, one: Snippet, log: Path, shell: _Shell) -> subprocess.Popen[bytes]:
        with log.open("wb") as out:
            started = subprocess.Popen(
                tied("bash", "-c", f"{shell.state()}\nexec env {one.text}"),
                cwd=self._home,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + BACKGROUND_BUDGET_S
        while one.value not in log.read_text(errors="replace"):
            if started.poll() is not None or time.monotonic() > deadline:
                _end(started)
                raise WalkError(f"{one.place} never printed {one.value!r}\n{one.text}\nprinted:\n{log.read_text()}")
            time.sleep(POLL_S)
        return started

    def _end_background(self) -> None:
        for process in self._background:
            _end(process)
        self._background.clear()

    def _environment(self) -> dict[str, str]:
        return environment(self._home)


def environment(home: Path) -> dict[str, str]:
    """What a newcomer's shell has: nothing of ours, and the programs of the project on its path."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("PERSON_") or name == "PERSON_CACHE"
    }
    return {**kept, "PATH": f"{home / '.venv' / 'bin'}:{os.environ['PATH']}", "PWD": str(home), "COLUMNS": "200"}


def tied(program: str, *arguments: str) -> list[str]:
    """The command that runs a program which dies with this process, also when that is killed; call it in the main thread."""
    path = shutil.which(program)
    assert path is not None, program
    if sys.platform != "linux":
        return [path, *arguments]
    return [sys.executable, "-I", "-S", str(GUARD), "kernel", str(os.getpid()), path, *arguments]


class _Shell:
    """A shell that is typed into."""

    def __init__(self, home: Path, logs: Path) -> None:
        self._home = home
        self._logs = logs
        self._typed = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            tied("bash", "--norc"),
            cwd=self._home,
            env=environment(self._home),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        _end(self._process)

    def type(self, text: str, *, stop_at_errors: bool) -> tuple[int, str]:
        """Run commands; gives the exit code and what they printed. With `stop_at_errors` the first failure ends them."""
        self._typed += 1
        script, log, code = (self._logs / f"typed-{self._typed}.{kind}" for kind in ("sh", "log", "code"))
        # An exit trap tells the code also when `set -e` has ended the shell.
        begin = f"trap 'echo $? > {code}.new; mv {code}.new {code}' EXIT\nset {'-e' if stop_at_errors else '+e'}\n"
        script.write_text(f"{text.rstrip()}\n")
        self._write(
            f"exec > {log} 2>&1\n{begin}. {script}\n__code=$?; set +e; echo $__code > {code}.new; mv {code}.new {code}\n"
        )
        deadline = time.monotonic() + SNIPPET_BUDGET_S
        while not code.exists():
            if time.monotonic() > deadline:
                raise WalkError(f"no end within {SNIPPET_BUDGET_S:.0f} s:\n{text}\nprinted:\n{log.read_text()}")
            time.sleep(POLL_S)
        return int(code.read_text()), log.read_text(errors="replace")

    def state(self) -> str:
        """The variables that were set, for a command in a shell of its own."""
        log = self._logs / "state"
        log.unlink(missing_ok=True)
        self._write(f"declare -p | grep -E '^declare -- [A-Z]' > {log}.new; mv {log}.new {log}\n")
        while not log.exists():
            time.sleep(POLL_S)
        return log.read_text()

    def _write(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()


SNIPPET_BUDGET_S = 120.0


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a session of processes, politely first."""
    for number, budget in ((signal.SIGINT, END_BUDGET_S), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(budget)
            return


@contextlib.contextmanager
def copy_of_project(folder: Path, *, long: bool, warm: Path | None = None) -> Iterator[Walk]:
    """A walk in a folder that is removed at the end."""
    try:
        with Walk(folder, long=long, warm=warm) as walk:
            yield walk
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pages() -> Iterable[Path]:
    """Every page with commands for people, the tutorial first: it starts the servers that the others use."""
    docs = ROOT / "docs"
    rest = [
        path
        for folder in ("how-to", "runbook", "reference", "explanation")
        for path in sorted((docs / folder).glob("*.md"))
    ]
    return [*sorted((docs / "tutorial").glob("*.md")), *rest, ROOT / "CONTRIBUTING.md", ROOT / "README.md"]


@contextlib.contextmanager
def warm_process(address: Path) -> Iterator[Path]:
    """A process that has imported the `person` command; gives the address of its socket."""
    process = subprocess.Popen(
        tied(sys.executable, "-m", "tests.docs.warm_person", str(address)), cwd=ROOT, start_new_session=True
    )
    try:
        deadline = time.monotonic() + BACKGROUND_BUDGET_S
        while not address.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise WalkError("the process that answers for `person` did not start")
            time.sleep(POLL_S)
        yield address
    finally:
        process.terminate()
        process.wait(5)
