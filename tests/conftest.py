"""Real servers for every test that needs them: one embedded stack and one team of two workers for the whole run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
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
from ops.client import CommandMessage, PersonClient
from ops.up import start_team
from ops.workers import Worker
from tests.docs.walk import warm_process
from tests.docs.warm_person import write_program
from tests.short_lived import kill_team, short_lived

LONGEST = (
    "tests/docs/test_pages_lead_where_they_say.py",
    "tests/local/test_person_up_with_three_nodes.py",
    "tests/chaos/test_chaos_rounds.py",
    "tests/local/test_cluster.py",
    "tests/failure/test_kill_nine_loses_nothing.py",
    "tests/failure/test_processed_commands_are_trimmed.py",
    "tests/ops/test_demo.py",
    "tests/failure/test_rebalance_under_load.py",
    "tests/failure/test_sagas_survive_kill_nine.py",
    "tests/restoring/test_an_installation_is_verified_saved_and_restored.py",
    "tests/failure/test_quarantine_survives_kill_nine.py",
)
"""Files that take longest, as measured; they begin first, so that none is left over where tests run side by side."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long and has servers of its own comes first, what uses the shared ones last: idle servers and workers take time from others."""
    root = Path(__file__).parent.parent
    longest = {root / name: place for place, name in enumerate(LONGEST)}
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    shared = {item.path for item in items if "data_folder" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (item.path in shared, item.path not in slow, longest.get(item.path, len(LONGEST))))


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared servers and workers keep their data."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="session")
def stack(data_folder: Path) -> Iterator[Stack]:
    """A running nats-server and Kafka broker; nothing of the application is created in them."""
    with short_lived(Stack(data_folder / "stack")) as running:
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
        kill_team(running)


@pytest.fixture
async def nc(servers: Endpoints) -> AsyncIterator[Client]:
    """A plain NATS connection to the shared server."""
    client = Client()
    await client.connect(servers.nats_url)
    yield client
    await client.close()


class PatientClient(PersonClient):
    """Waits as long as a busy machine may need; what a test asks for itself counts."""

    async def send(self, message: CommandMessage, *, timeout_s: float = 60.0) -> dict[str, Any]:
        return await super().send(message, timeout_s=timeout_s)

    async def query(
        self,
        endpoint: str,
        request: Mapping[str, Any],
        *,
        timeout_ms: int = 10_000,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        return await super().query(endpoint, request, timeout_ms=timeout_ms, headers=headers)


@pytest.fixture
async def client(team: list[Worker], servers: Endpoints) -> AsyncIterator[PersonClient]:
    """A client of the shared installation."""
    async with PatientClient(servers.nats_url) as connected:
        yield connected


@pytest.fixture(scope="session")
def person_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The `person` command, each call a process of its own; verbs other than those that run workers need not import everything again."""
    folder = tmp_path_factory.mktemp("person")
    with warm_process(folder / "person.socket") as warm:
        write_program(folder / "person", warm)
        yield folder / "person"


@pytest.fixture
def own_servers(tmp_path: Path) -> Iterator[Endpoints]:
    """Fresh servers for one test."""
    with short_lived(Stack(tmp_path / "stack")) as running:
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
