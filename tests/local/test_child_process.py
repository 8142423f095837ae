"""A child process is on its own, tells how it ended and never outlives its parent."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.errors import StackError
from local.processes import ChildProcess, Tie

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]
PARENT = """
import sys, threading, time
from pathlib import Path
from local.processes import ChildProcess
child = ChildProcess("child", [sys.executable, "-c", "import time; time.sleep(60)"], log=Path(sys.argv[1]), tie=sys.argv[2])
starter = threading.Thread(target=child.start)
starter.start()
starter.join()
print(child.pid, flush=True)
time.sleep(float(sys.argv[3]))
"""
TIES: list[Tie] = ["kernel", "pipe"] if sys.platform == "linux" else ["pipe"]


@pytest.fixture
def child(tmp_path: Path) -> Iterator[ChildProcess]:
    process = ChildProcess("sleeper", SLEEP, log=tmp_path / "child.log")
    yield process
    process.kill()


def test_a_child_has_its_own_session_and_keeps_its_pid(child: ChildProcess) -> None:
    child.start()
    assert child.running
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


def test_a_child_stops_on_request_and_may_start_again(child: ChildProcess) -> None:
    child.start()
    time.sleep(0.2)  # the guard has become the command
    assert child.stop() == -15
    first = child.pid
    child.start()
    assert child.running
    assert child.pid != first


def test_a_second_start_of_a_running_child_is_refused(child: ChildProcess) -> None:
    child.start()
    with pytest.raises(StackError, match="sleeper runs already"):
        child.start()


def test_a_deaf_child_is_killed_after_the_budget(tmp_path: Path) -> None:
    child = ChildProcess("stubborn", STUBBORN, log=tmp_path / "child.log")
    child.start()
    _await_line(child, "deaf")
    assert child.stop(timeout=0.2) == -9
    assert not child.running


def test_kill_takes_the_whole_group(tmp_path: Path, ended: Any) -> None:
    family = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid, flush=True); input()"
    forking = [sys.executable, "-c", family.replace("input()", "__import__('time').sleep(60)")]
    child = ChildProcess("family", forking, log=tmp_path / "child.log")
    child.start()
    grandchild = int(_await_line(child, ""))
    child.kill()
    assert ended(child.pid, grandchild)


@pytest.mark.parametrize("tie", TIES)
def test_a_killed_parent_leaves_no_child(tie: Tie, tmp_path: Path, run: Any, ended: Any) -> None:
    parent = run("-c", PARENT, str(tmp_path / "log"), tie, "60")
    child = int(parent.stdout.readline())
    assert not ended(child, within=0.5), "it must outlive the thread that started it"
    parent.kill()
    assert ended(child)


@pytest.mark.parametrize("tie", TIES)
def test_a_parent_that_forgets_to_stop_leaves_no_child(tie: Tie, tmp_path: Path, run: Any, ended: Any) -> None:
    parent = run("-W", "ignore", "-c", PARENT, str(tmp_path / "log"), tie, "0.2")
    child = int(parent.stdout.readline())
    assert parent.wait(10) == 0
    assert ended(child)


def test_the_watcher_of_the_pipe_ends_with_the_command(tmp_path: Path) -> None:
    child = ChildProcess("short", [sys.executable, "-c", "print('done')"], log=tmp_path / "log", tie="pipe")
    child.start()
    assert child.wait(10) == 0
    deadline = time.monotonic() + 30
    while _group_lives(child.pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_missing_program_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"^ghost cannot start: there is no program /nowhere/ghost$"):
        ChildProcess("ghost", ["/nowhere/ghost"], log=tmp_path / "log").start()


def test_the_last_log_line_is_of_this_start_and_no_stack_trace(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("of yesterday\n")
    child = ChildProcess("talker", [sys.executable, "-c", r"print('reason\n\tat a.b(c)\n')"], log=tmp_path / "log")
    child.start()
    child.wait(10)
    assert child.last_log_line == "reason"
    assert "of yesterday" in (tmp_path / "log").read_text()


def test_children_may_be_started_from_many_threads(tmp_path: Path) -> None:
    children = [ChildProcess(f"child-{n}", SLEEP, log=tmp_path / f"{n}.log") for n in range(5)]
    starters = [threading.Thread(target=child.start) for child in children]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert all(child.running for child in children)
    for child in children:
        child.kill()
    assert [child.returncode for child in children] == [-9] * 5


def _await_line(child: ChildProcess, text: str) -> str:
    deadline = time.monotonic() + 30
    while text not in child.last_log_line or "empty" in child.last_log_line:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return child.last_log_line


def _group_lives(group: int) -> bool:
    shown = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True)
    rows = (row.split() for row in shown.stdout.splitlines())
    return any(int(row[0]) == group and not row[1].startswith("Z") for row in rows)
