"""Reads the history of a git repository as one stream of commits.

Memory does not grow with the length of the history, and the user's git settings do not change what is read.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from ops.importing.plan import ImportSourceError

_COMMIT: Final = b"\x1e"
_FIELD: Final = b"\x1f"
_CHUNK: Final = 1 << 16

# The reverse of --topo-order lists the first parent's line before the branches merged into it, so the first
# commit of an author stays the same when older work is merged later.
_LOG: Final = (
    "-c", "log.showRoot=true", "-c", "log.showSignature=false",
    "log", "--use-mailmap", "--topo-order", "--reverse", "--encoding=UTF-8", "--no-color",
    "--numstat", "-z", "--find-renames=100%", "--diff-merges=off", "--diff-algorithm=default",
    "--no-relative", "--no-ext-diff", "--no-textconv",
    "--format=%x1e%H%x1f%at%x1f%aE%x1f%aN", "HEAD", "--",
)  # fmt: skip


@dataclass
class Commit:
    """One commit: its author, as the mailmap corrects it, and the lines it added per path."""

    sha: str
    authored_at: int
    email: str
    name: str
    added: list[tuple[str, int]] = field(default_factory=list)


def check_repository(path: Path) -> None:
    """Raise ImportSourceError unless `path` lies in a repository with a complete history."""
    if not path.is_dir():
        raise ImportSourceError(f"{path}: no such folder")
    if _ask(path, "rev-parse", "--is-shallow-repository") == "true":
        # The first commit names the person, and a shallow clone does not have it.
        raise ImportSourceError(f"{path}: the clone is shallow; run `git fetch --unshallow` first")
    try:
        _ask(path, "rev-parse", "--verify", "HEAD^{commit}")
    except ImportSourceError as error:
        raise ImportSourceError(f"{path}: the repository has no commits") from error


def read_commits(path: Path) -> Iterator[Commit]:
    """The commits of HEAD, parents before children."""
    with tempfile.TemporaryFile() as errors:
        process = _start(path, *_LOG, stderr=errors)
        assert process.stdout is not None
        try:
            yield from _commits(_tokens(process.stdout))
            failed = process.wait() != 0
        finally:
            process.stdout.close()
            process.kill()
            process.wait()
        if failed:
            errors.seek(0)
            raise ImportSourceError(f"{path}: {_last_line(errors.read())}")


def _ask(path: Path, *arguments: str) -> str:
    process = _start(path, *arguments, stderr=subprocess.PIPE)
    output, errors = process.communicate()
    if process.returncode != 0:
        raise ImportSourceError(f"{path}: {_last_line(errors)}")
    return output.decode(errors="replace").strip()


def _start(path: Path, *arguments: str, stderr: IO[bytes] | int) -> subprocess.Popen[bytes]:
    # A caller inside a git hook has GIT_DIR set; it would win over the path that was asked for.
    environment = {key: value for key, value in os.environ.items() if key not in ("GIT_DIR", "GIT_WORK_TREE")}
    try:
        return subprocess.Popen(
            ["git", "-C", str(path), *arguments],
            env=environment | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    except FileNotFoundError as error:
        raise ImportSourceError("git is not installed, or not on the PATH") from error


def _last_line(errors: bytes) -> str:
    lines = errors.decode(errors="replace").strip().splitlines()
    fatal = [line for line in lines if line.startswith("fatal: ")]
    return (fatal or lines or ["git failed"])[-1].removeprefix("fatal: ")


def _tokens(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(_CHUNK):
        *tokens, rest = (rest + chunk).split(b"\0")
        yield from tokens
    if rest:
        yield rest


def _commits(tokens: Iterator[bytes]) -> Iterator[Commit]:
    commit: Commit | None = None
    for token in tokens:
        if token.startswith(_COMMIT):
            if commit:
                yield commit
            commit = _header(token)
        elif commit and token:
            lines, _, path = token.removeprefix(b"\n").split(b"\t", 2)
            if not path:  # a rename: the old and the new path follow, each in its own token
                next(tokens)
                path = next(tokens)
            if lines != b"-":  # binary
                commit.added.append((path.decode(errors="replace"), int(lines)))
    if commit:
        yield commit


def _header(token: bytes) -> Commit:
    # The name comes last: of all fields only a forged name could hold the separator.
    sha, authored_at, email, name = (part.decode(errors="replace").strip() for part in token[1:].split(_FIELD, 3))
    return Commit(sha, int(authored_at or 0), email, name)
