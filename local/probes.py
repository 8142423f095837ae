"""Owns the health questions to both servers; a yes is a real answer in the server's protocol.

Plain blocking sockets, so that a probe also works inside a running event loop.
"""

import json
import socket
import struct

from local.ports import HOST

_TIMEOUT = 2.0


def nats_answers(port: int) -> bool:
    """Whether the server accepts a client and JetStream tells about the account."""
    try:
        with socket.create_connection((HOST, port), timeout=_TIMEOUT) as connection:
            connection.sendall(
                b'CONNECT {"verbose":false,"pedantic":false,"headers":false,"lang":"probe","version":"1"}\r\n'
                b"SUB _INBOX.probe 1\r\nPUB $JS.API.INFO _INBOX.probe 0\r\n\r\n"
            )
            lines = connection.makefile("rb")
            for line in lines:
                if line.startswith(b"MSG _INBOX.probe "):
                    account = json.loads(lines.readline())
                    return "error" not in account and "memory" in account
    except (OSError, ValueError):
        return False
    return False


def kafka_answers(port: int) -> bool:
    """Whether the broker lists itself, under this port, in its metadata: it is registered and not fenced."""
    try:
        with socket.create_connection((HOST, port), timeout=_TIMEOUT) as connection:
            body = struct.pack(">hhih5si", 3, 1, 1, 5, b"probe", 0)
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = connection.makefile("rb")
            (size,) = struct.unpack(">i", answer.read(4))
            return _first_broker_port(answer.read(size)) == port
    except (OSError, struct.error):
        return False


def _first_broker_port(metadata: bytes) -> int | None:
    _correlation, brokers = struct.unpack_from(">ii", metadata)
    if brokers < 1:
        return None
    _node, host_size = struct.unpack_from(">ih", metadata, 8)
    (port,) = struct.unpack_from(">i", metadata, 14 + host_size)
    return int(port)
