"""The faults of a machine do what their names say, where the machine allows them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.clock import Clock, NotPossibleError, build_library
from tests.chaos.disk import DataDisk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[DataDisk]:
    try:
        mounted = DataDisk(tmp_path / "disk")
    except NotPossibleError as error:
        pytest.skip(str(error))
    yield mounted
    mounted.close()


def test_a_full_disk_refuses_every_byte_until_it_is_freed(disk: DataDisk) -> None:
    kept = disk.folder / "kept"
    kept.write_bytes(b"x" * 100_000)

    disk.fill()
    with pytest.raises(OSError, match="No space left"):
        (disk.folder / "more").write_bytes(b"x" * 100_000)
    disk.free()

    (disk.folder / "more").write_bytes(b"x" * 100_000)
    assert kept.stat().st_size == 100_000


def test_a_jump_moves_the_wall_clock_of_a_running_process_and_no_other_clock(tmp_path: Path) -> None:
    try:
        clock = Clock(build_library(tmp_path), tmp_path / "clock")
    except NotPossibleError as error:
        pytest.skip(str(error))
    tells = "import time\nwhile input() == '': print(time.time(), time.monotonic(), flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", tells],
        env={**os.environ, **clock.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def told() -> tuple[float, float]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            wall, monotonic = process.stdout.readline().split()
            return float(wall) - time.time(), float(monotonic) - time.monotonic()

        before = told()
        clock.jump(7200)
        jumped = told()
        clock.jump(0)
        after = told()
        process.stdin.write("end\n")

    assert before == pytest.approx((0, 0), abs=1)
    assert jumped == pytest.approx((7200, 0), abs=1)
    assert after == pytest.approx((0, 0), abs=1)
