"""Owns the health questions to both servers; a yes is a real answer in the server's protocol.

Plain blocking sockets, so that a probe also works inside a running event loop.
"""

from __future__ import annotations

import io
import json
import socket
import ssl
import struct
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from aiokafka.protocol.metadata import MetadataResponse_v1

from local.ports import HOST

_TIMEOUT = 2.0
_METADATA, _DESCRIBE_QUORUM = 3, 55
_QUORUM_TOPIC = b"__cluster_metadata"


@dataclass(frozen=True)
class Partition:
    """Where a partition of a topic lives, by numbers of nodes; no leader is -1."""

    topic: str
    number: int
    leader: int
    replicas: frozenset[int]
    in_sync: frozenset[int]


@dataclass(frozen=True)
class Cluster:
    """What a broker knows: the client port of every broker that is registered and not fenced, and all partitions."""

    brokers: dict[int, int]
    partitions: tuple[Partition, ...]


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


def nats_is_healthy(monitor_port: int) -> bool:
    """Whether the server says of itself that it and its JetStream are ready; for one that lets in only whom it knows."""
    return nats_monitor(monitor_port, "/healthz").get("status") == "ok"


def nats_monitor(port: int, page: str) -> dict[str, Any]:
    """A page of the monitor as JSON, also one that reports an error; empty when nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}{page}", timeout=_TIMEOUT) as reply:
            found: dict[str, Any] = json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            found = json.load(error)
    except (OSError, ValueError):
        return {}
    return found


def kafka_answers(port: int, *, node: int, advertised: int, tls: ssl.SSLContext | None = None) -> bool:
    """Whether the broker lists itself under its advertised port in its metadata: it is registered and not fenced."""
    known = kafka_cluster(port, topics=(), tls=tls)
    return known is not None and known.brokers.get(node) == advertised


def kafka_cluster(
    port: int, *, topics: tuple[str, ...] | None = None, tls: ssl.SSLContext | None = None
) -> Cluster | None:
    """What the broker knows about all topics, or these alone; None when it does not answer."""
    names = b"".join(
        struct.pack(f">h{len(name)}s", len(name), name) for name in (topic.encode() for topic in topics or ())
    )
    answer = _ask(port, _METADATA, 1, struct.pack(">i", -1 if topics is None else len(topics)) + names, tls=tls)
    if answer is None:
        return None
    try:
        metadata = MetadataResponse_v1.decode(io.BytesIO(answer))
    except (ValueError, struct.error):
        return None
    return Cluster(
        {number: broker_port for number, _host, broker_port, _rack in metadata.brokers},
        tuple(
            Partition(topic, number, leader, frozenset(replicas), frozenset(in_sync))
            for _error, topic, _internal, partitions in metadata.topics
            for _partition_error, number, leader, replicas, in_sync in partitions
        ),
    )


def active_controller(port: int) -> int | None:
    """The node that leads the quorum of controllers, as a broker or controller at this port knows it; None when it knows none."""
    # Compact arrays and strings of the newer protocol: a length is written plus one, and every structure ends with its tags.
    topic = bytes([2, len(_QUORUM_TOPIC) + 1]) + _QUORUM_TOPIC + bytes([2]) + struct.pack(">i", 0) + bytes(3)
    answer = _ask(port, _DESCRIBE_QUORUM, 0, topic, tagged=True)
    try:
        if answer is None or struct.unpack_from(">h", answer, 1) != (0,):
            return None
        # tags, error, one topic, its name, one partition: number, error, leader
        error, leader = struct.unpack_from(">hi", answer, 1 + 2 + 1 + 1 + len(_QUORUM_TOPIC) + 1 + 4)
    except struct.error:
        return None
    return leader if error == 0 and leader > 0 else None


def _ask(
    port: int, key: int, version: int, body: bytes, *, tagged: bool = False, tls: ssl.SSLContext | None = None
) -> bytes | None:
    """The answer to one request without its size and correlation id."""
    request = struct.pack(">hhih5s", key, version, 1, 5, b"probe") + (b"\0" if tagged else b"") + body
    try:
        with _connected(port, tls) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.makefile("rb")
            (size,) = struct.unpack(">i", answer.read(4))
            return bytes(answer.read(size)[4:])
    except (OSError, struct.error):
        return None


def _connected(port: int, tls: ssl.SSLContext | None) -> socket.socket:
    connection = socket.create_connection((HOST, port), timeout=_TIMEOUT)
    if tls is None:
        return connection
    try:
        return tls.wrap_socket(connection, server_hostname=HOST)
    except BaseException:
        connection.close()
        raise
