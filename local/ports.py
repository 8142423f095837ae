"""Owns the choice of TCP ports on the loopback address; a folder keeps its ports as long as they are free."""

import errno
import json
import os
import random
import socket
from collections.abc import Collection, Mapping
from pathlib import Path

from local.errors import StackError

HOST = "127.0.0.1"

# Below every system's range of ephemeral ports: while a server is down, a client that keeps trying to
# reconnect could be given the server's own port as its source port, connect to itself and block the restart.
_CHOICE = range(20_000, 32_000)
_NAMES = ("nats", "nats_monitor", "kafka", "kafka_controller")


def choose_ports(memory: Path, *, wanted: Mapping[str, int | None], names: Collection[str] = _NAMES) -> dict[str, int]:
    """Ports by name: the wanted ones, else those remembered in `memory` while free, else free ones."""
    remembered = _recall(memory)
    chosen: dict[str, int] = {}
    given = [port for port in wanted.values() if port is not None]
    if len(set(given)) < len(given):
        raise StackError(f"port {given[0]} is given twice: nats_port and kafka_port must differ")
    for name in sorted(names, key=lambda name: wanted.get(name) is None):
        port = wanted.get(name)
        if port is not None:
            require_free(port, setting=f"{name}_port")
        elif (port := remembered.get(name)) is None or port in chosen.values() or not is_free(port):
            port = _free_port(taken=chosen.values())
        chosen[name] = port
    memory.write_text(json.dumps(chosen, indent=2) + "\n")
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    return _refusal(port) is None


def require_free(port: int, *, setting: str) -> None:
    """Raise a StackError that names the port and its setting when another program listens on it."""
    reason = _refusal(port)
    if reason == errno.EADDRINUSE:
        raise StackError(f"port {port} is taken: stop the program that uses it or set another {setting}")
    if reason is not None:
        raise StackError(f"port {port} cannot be used ({os.strerror(reason)}): set another {setting}")


def _refusal(port: int) -> int | None:
    with socket.socket() as probe:
        # As the servers do, so that a connection in TIME_WAIT does not count as a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OverflowError:
            return errno.EINVAL
        except OSError as error:
            return error.errno
    return None


def _free_port(*, taken: Collection[int]) -> int:
    for port in random.sample(_CHOICE, k=200):
        if port not in taken and is_free(port):
            return port
    raise StackError(f"no free port between {_CHOICE.start} and {_CHOICE.stop}: set nats_port and kafka_port")


def _recall(memory: Path) -> dict[str, int]:
    try:
        ports = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(ports, dict):
        return {}
    return {name: port for name, port in ports.items() if isinstance(port, int)}
