"""Real servers for every test that needs them: one embedded stack and one team of two workers for the whole run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from nats.aio.client import Client

from local.folder import DataFolder
from local.layout import Layout, nodes_of
from local.nats_server import nats_server
from local.ports import choose_ports
from local.probes import nats_answers
from local.stack import Endpoints, Stack
from ops.client import PersonClient
from ops.up import start_team, stop_team
from ops.workers import Worker


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that none is left over at the end where tests run side by side."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared servers and workers keep their data."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="session")
def stack(data_folder: Path) -> Iterator[Stack]:
    """A running nats-server and Kafka broker; nothing of the application is created in them."""
    with Stack(data_folder / "stack") as running:
        yield running


@pytest.fixture(scope="session")
def servers(stack: Stack) -> Endpoints:
    """Addresses of the shared servers."""
    return stack.endpoints


@pytest.fixture(scope="session")
def team(stack: Stack, data_folder: Path) -> Iterator[list[Worker]]:
    """Two workers on the shared servers; both own partitions. A test that kills one must start it again.

    Policies are those that tests register: what shipped ones send would come between the commands of other tests.
    """
    running = start_team(stack.endpoints, 2, data_folder, {"PERSON_SHIPPED_POLICIES": "false"})
    try:
        yield running
    finally:
        stop_team(running)


@pytest.fixture
async def nc(servers: Endpoints) -> AsyncIterator[Client]:
    """A plain NATS connection to the shared server."""
    client = Client()
    await client.connect(servers.nats_url)
    yield client
    await client.close()


@pytest.fixture
async def client(team: list[Worker], servers: Endpoints) -> AsyncIterator[PersonClient]:
    """A client of the shared installation."""
    async with PersonClient(servers.nats_url) as connected:
        yield connected


@pytest.fixture
def own_servers(tmp_path: Path) -> Iterator[Endpoints]:
    """Fresh servers for one test."""
    with Stack(tmp_path / "stack") as running:
        yield running.endpoints


@contextmanager
def fresh_nats(data: Path) -> Iterator[str]:
    """A nats-server alone; gives its address."""
    folder = DataFolder(data)
    folder.open()
    layout = Layout(1, proxied=False)
    ports = choose_ports(folder.ports, wanted={}, names=layout.port_names())
    nodes = nodes_of(folder, layout, ports)
    server = nats_server(folder, nodes[0], nodes)
    try:
        server.start()
        while not nats_answers(ports["nats"]):
            assert server.running, server.last_log_line
        yield f"nats://127.0.0.1:{ports['nats']}"
    finally:
        server.stop()
        folder.close()


@pytest.fixture
def own_nats(tmp_path: Path) -> Iterator[str]:
    """Address of a fresh nats-server for one test that needs no Kafka."""
    with fresh_nats(tmp_path / "own-nats") as address:
        yield address


@pytest.fixture
def read_topic(servers: Endpoints) -> Callable[[str, int], Awaitable[Sequence[Any]]]:
    """Everything that a topic partition of the shared broker holds now."""

    async def read(topic: str, partition: int) -> Sequence[Any]:
        consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka_bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            tp = TopicPartition(topic, partition)
            consumer.assign([tp])
            end = (await consumer.end_offsets([tp]))[tp]
            records: list[Any] = []
            while await consumer.position(tp) < end:
                records.extend((await consumer.getmany(tp, timeout_ms=1000)).get(tp, []))
            return records
        finally:
            await consumer.stop()

    return read
