"""Moves the wall clock of one worker, by a small library that is compiled at run time and loaded before libc."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock_shift.c")


class NotPossibleError(Exception):
    """This machine cannot make the fault; the message says why."""


def build_library(folder: Path) -> Path:
    """Compile the library; raises NotPossibleError where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise NotPossibleError("no C compiler (cc, gcc) for the library that moves the clock")
    library = folder / "clock_shift.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode != 0:
        raise NotPossibleError(f"the library that moves the clock cannot be compiled: {built.stderr.strip()[-200:]}")
    return library


class Clock:
    """The wall clock of one worker; `environment` makes a process follow it."""

    def __init__(self, library: Path, file: Path) -> None:
        self._file = file
        self.environment = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(file)}
        self._write(0)

    def jump(self, seconds: int) -> None:
        """From now on the clock shows true time plus these seconds."""
        self._write(seconds)

    def _write(self, seconds: int) -> None:
        # In place: the worker has mapped this file.
        mode = "r+b" if self._file.exists() else "wb"
        with self._file.open(mode) as file:
            file.write(struct.pack("=q", seconds))
