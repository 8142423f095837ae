"""The `person` command without its start: a process that has imported it forks for each call.

`serve` is that process; the program that `write_program` writes takes the place of `.venv/bin/person` and passes arguments, folder,
environment and standard streams on. The verbs that run workers are started as always."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

PROGRAM = """\
#!{python} -IS
import json, os, signal, socket, sys
if len(sys.argv) > 1 and sys.argv[1] in ("up", "worker", "neighbours"):
    os.execv({person!r}, [{person!r}, *sys.argv[1:]])
link = socket.socket(socket.AF_UNIX)
link.connect({address!r})
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(link, [len(request).to_bytes(4, "big")], [0, 1, 2])
link.sendall(request)
child = int.from_bytes(link.recv(4), "big")
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda got, _frame: os.kill(child, got))
code = link.recv(1)
sys.exit(code[0] if code else 1)
"""


def write_program(path: Path, address: Path) -> None:
    """Write the program that asks the process at this address."""
    person = Path(sys.executable).with_name("person")
    path.write_text(PROGRAM.format(python=sys.executable, person=str(person), address=str(address)))
    path.chmod(0o755)


def serve(address: Path) -> None:
    """Answer calls until the process is ended."""
    from ops import cli, demo, doctor, query, watching  # noqa: F401  # imported before the first call

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen(64)
        while True:
            link, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(link)
            link.close()


def _answer(link: socket.socket) -> None:
    size, streams, _, _ = socket.recv_fds(link, 4, 3)
    request = b""
    while len(request) < int.from_bytes(size, "big"):
        request += link.recv(1 << 16)
    arguments, folder, environment = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sys.argv = ["person", *arguments]
    link.sendall(os.getpid().to_bytes(4, "big"))
    code = 1
    try:
        from ops.cli import main

        main(prog_name="person")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        link.sendall(bytes([code & 255]))
        os._exit(code & 255)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
