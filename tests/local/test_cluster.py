"""Three nodes on one machine: everything has three copies, any node may end or be cut off, and one command has one effect."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge import read
from bridge.append import EntityAppend, EventMessage, append, append_each
from bridge.connection import connect
from bridge.errors import AppendRefusedError
from bridge.jetstream import api
from bridge.streams import ensure_stream
from config.settings import Settings
from config.streams import COMMANDS, EVENTS
from config.topics import declared_by
from local.stack import Stack, StackError
from ops.client import ClientError, CommandMessage, PersonClient
from ops.up import start_team
from ops.verification import read_all, verify
from ops.workers import Worker
from tests.short_lived import kill_team, short_lived

pytestmark = pytest.mark.slow

PATIENCE = 60.0
PERSONS = 8
MADE_FOR_TESTS = "R3"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Three nodes, proxies before and between them; every test leaves them whole."""
    with short_lived(Stack(tmp_path_factory.mktemp("cluster") / "stack", nodes=3, proxied=True)) as running:
        yield running


@pytest.fixture(scope="module")
def workers(cluster: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Worker]]:
    """Two workers that keep three copies of everything."""
    settings = {"PERSON_REPLICAS": str(cluster.replicas)}
    running = start_team(cluster.endpoints, 2, tmp_path_factory.mktemp("workers"), settings)
    try:
        yield running
    finally:
        kill_team(running)


@pytest.fixture
async def nc(cluster: Stack) -> AsyncIterator[Client]:
    """A connection to the first node, and a stream with three replicas that takes atomic batches."""
    client = Client()
    await connect(client, f"nats://{cluster.proxies.nats[1].address}", name="test")
    window = 120 * 10**9
    await ensure_stream(
        client,
        {
            "name": MADE_FOR_TESTS,
            "subjects": ["r3.>"],
            "num_replicas": 3,
            "storage": "file",
            "allow_atomic": True,
            "allow_direct": True,
            "duplicate_window": window,
        },
    )
    yield client
    await api(client, f"STREAM.DELETE.{MADE_FOR_TESTS}")
    await client.close()


def test_a_folder_of_three_nodes_is_refused_with_one(cluster: Stack, tmp_path: Path) -> None:
    (tmp_path / "nodes").write_text("3\n")
    with pytest.raises(StackError, match=r"was made with 3 node\(s\), not with 1: start it with --nodes 3 or choose"):
        Stack(tmp_path).start()


def test_two_nodes_and_chosen_ports_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="nodes is 2: it must be 1 or 3"):
        Stack(tmp_path, nodes=2)
    with pytest.raises(StackError, match="for a single node"):
        Stack(tmp_path, nodes=3, nats_port=4222)


def test_a_node_that_cannot_start_stops_all_of_them(tmp_path: Path) -> None:
    broken = tmp_path / "kafka-2" / "data" / "meta.properties"
    broken.parent.mkdir(parents=True)
    broken.write_text("version=99\n")
    with pytest.raises(StackError, match=r"^kafka-2 ended with code 1: .*meta.properties.* \(log: .*kafka-2\.log\)$"):
        Stack(tmp_path, nodes=3).start()
    shown = subprocess.run(["ps", "-eww", "-o", "args="], capture_output=True, text=True, check=True)
    assert str(tmp_path) not in shown.stdout


async def test_a_resent_batch_is_refused_as_a_whole_and_has_one_effect(cluster: Stack, nc: Client) -> None:
    batch = [_entity("ada", ["a1", "a2"]), _entity("grace", ["g1"])]
    assert await append(nc, batch) == [2, 3]
    for _ in range(2):
        with pytest.raises(AppendRefusedError):
            await append(nc, batch)
    results = await append_each(nc, [*batch, _entity("linus", ["l1"])])
    assert [type(one) for one in results] == [AppendRefusedError, AppendRefusedError, int]
    with pytest.raises(AppendRefusedError, match="wrong last sequence"):
        await append(nc, [_entity("barbara", ["b1"]), _entity("ada", ["a3"])])
    assert await _ids(nc) == ["a1", "a2", "g1", "l1"]


@pytest.mark.parametrize("messages", [["c1"], ["c1", "c2"]], ids=["first-append", "batch"])
async def test_the_same_append_sent_at_once_by_many_has_one_effect(
    cluster: Stack, nc: Client, messages: list[str]
) -> None:
    """A resend may meet the first one before a majority has it: checked, and not stored yet."""
    others = [Client() for _ in cluster.nodes]
    for node, other in zip(cluster.nodes, others, strict=True):
        await connect(other, f"nats://{cluster.proxies.nats[node].address}", name="test")
    results = await asyncio.gather(
        *(append(one, [_entity("ada", messages)]) for one in (nc, *others)), return_exceptions=True
    )
    for other in others:
        await other.close()
    assert [one for one in results if not isinstance(one, AppendRefusedError)] == [[len(messages)]]
    assert {one.code for one in results if isinstance(one, AppendRefusedError)} <= {10071, 10201}
    assert await _ids(nc) == messages


@pytest.mark.parametrize("messages", [["f1"], ["f1", "f2", "f3"]], ids=["first-append", "batch"])
async def test_a_resent_append_whose_acknowledgement_was_lost_has_one_effect(
    cluster: Stack, nc: Client, messages: list[str]
) -> None:
    """The client hears nothing of a stored append, the connection breaks, it sends the same again: stored once."""
    through = Client()
    proxy = cluster.proxies.nats[2]
    await connect(through, f"nats://{proxy.address}", name="test behind the proxy")
    try:
        # The answer to the last message is on its way when the message is seen, and is swallowed there.
        proxy.delay(0.8, direction="to_client")
        pending = asyncio.create_task(append(through, [_entity("first", messages)], timeout_s=2))
        await _await_stored(nc, len(messages))
        proxy.half_open("to_client")
        with pytest.raises((NatsError, TimeoutError)):
            await pending
        proxy.heal()
        with pytest.raises(AppendRefusedError):
            await _once_connected(lambda: append(through, [_entity("first", messages)], timeout_s=1))
    finally:
        proxy.heal()
        await through.close()
    assert await _ids(nc) == messages


async def test_everything_has_three_replicas_and_needs_two(cluster: Stack, workers: list[Worker], nc: Client) -> None:
    listed = (await api(nc, "STREAM.LIST"))["streams"]
    assert {stream["config"]["name"]: stream["config"]["num_replicas"] for stream in listed} == {
        stream["config"]["name"]: 3 for stream in listed
    }
    assert {COMMANDS, EVENTS} <= {stream["config"]["name"] for stream in listed}

    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.endpoints.kafka_bootstrap)
    await admin.start()
    try:
        topics = await admin.describe_topics()
        names = [topic["topic"] for topic in topics]
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        answers = await admin.describe_configs(resources)
    finally:
        await admin.close()
    assert {topic.name for topic in declared_by(Settings())} <= set(names)
    copies = {topic["topic"]: {len(one["replicas"]) for one in topic["partitions"]} for topic in topics}
    assert copies == {name: {3} for name in names}
    needed = {
        resource[3]: next(entry[1] for entry in resource[4] if entry[0] == "min.insync.replicas")
        for answer in answers
        for resource in answer.resources
    }
    assert needed == dict.fromkeys(names, "2")


def test_clients_and_nodes_meet_at_proxies_only(cluster: Stack, workers: list[Worker]) -> None:
    proxies = cluster.proxies
    assert sum(proxy.counts.open for proxy in proxies.nats.values()) >= 2
    assert all(proxy.counts.bytes_to_server for proxy in proxies.kafka.values())
    for first, second in ((1, 2), (1, 3), (2, 3)):
        for links in (proxies.nats_links, proxies.kafka_links):
            carried = [
                proxy.counts.bytes_to_server for pair in ((first, second), (second, first)) for proxy in links[pair]
            ]
            assert sum(carried) > 0, (first, second)


async def test_a_command_has_one_effect_while_leaders_are_cut_off_and_killed(
    cluster: Stack, workers: list[Worker]
) -> None:
    async with PersonClient(cluster.endpoints.nats_url) as client:
        ending = asyncio.Event()
        load = [asyncio.create_task(_live(client, f"019b0000-0000-7000-8000-{n:012x}", ending)) for n in range(PERSONS)]
        try:
            await asyncio.to_thread(_disturb, cluster)
        finally:
            ending.set()
            accepted = await asyncio.gather(*load)
        verification = await verify(client)
        stored = await read_all(client.nc)
    expected = [command_id for one in accepted for command_id in one]
    assert len(expected) > PERSONS
    assert sorted(event.causationid for _, _, event in stored) == sorted(expected)
    assert verification.clean, verification.differences


def _disturb(cluster: Stack) -> None:
    leaders = cluster.leaders

    # Cut off from its peers, a leader that clients still reach must not accept anything on its own.
    old = _known(lambda: leaders.stream(EVENTS))
    cluster.cut_off_nats(old)
    _await(lambda: leaders.stream(EVENTS) not in (None, old))
    cluster.heal()

    broker = _known(lambda: leaders.partition("person.events", 0))
    controller = _known(leaders.controller)
    cluster.kill_kafka(broker)
    _await(lambda: leaders.partition("person.events", 0) not in (None, -1, broker))
    assert controller != broker or _known(leaders.controller) != broker

    _await(lambda: leaders.stream(COMMANDS) is not None and not cluster.leaders.missing_in_nats())
    old = _known(lambda: leaders.stream(COMMANDS))
    cluster.kill_nats(old)
    _await(lambda: leaders.stream(COMMANDS) not in (None, old))

    cluster.start_nats(old)
    cluster.start_kafka(broker)
    cluster.await_whole(PATIENCE)


async def _live(client: PersonClient, person_id: str, ending: asyncio.Event) -> list[str]:
    name = {"given_names": ["Cluster"]}
    create = CommandMessage("person.commands.create", {"name": name, "source": "t"}, person_id)
    accepted = [await _certain(client, create)]
    verbs = ("suspend", "reactivate")
    while not ending.is_set():
        verb = verbs[(len(accepted) - 1) % 2]
        command = CommandMessage(f"person.commands.lifecycle.{verb}", {"reason": "test"}, person_id)
        accepted.append(await _certain(client, command))
        await asyncio.sleep(0.25)
    return accepted


async def _certain(client: PersonClient, command: CommandMessage) -> str:
    """Send until the outcome is known, under one id: what a careful client does when a server goes away."""
    sent = command.with_id()
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                outcome = await client.send(sent, timeout_s=10)
            except ClientError:
                await asyncio.sleep(0.2)
                continue
            if outcome["status"] != "failed":
                break
            # An outcome that failed is not final: nothing was stored, and the command may be sent again.
            await asyncio.sleep(0.2)
    assert outcome["status"] == "accepted", outcome
    return str(sent.id)


def _entity(name: str, messages: list[str]) -> EntityAppend:
    return EntityAppend(f"r3.{name}.>", 0, [EventMessage(f"r3.{name}.done", one.encode(), one) for one in messages])


async def _ids(nc: Client) -> list[str]:
    return [stored.data.decode() async for stored in read.messages(nc, MADE_FOR_TESTS, "r3.>")]


async def _await_stored(nc: Client, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await api(nc, f"STREAM.INFO.{MADE_FOR_TESTS}"))["state"]["messages"] < count:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.02)


async def _once_connected(send: Callable[[], object]) -> None:
    """Send until an answer comes; a connection that was reset is refused at once."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await send()  # type: ignore[misc]
            except AppendRefusedError:
                raise
            except (NatsError, TimeoutError):
                await asyncio.sleep(0.1)
            else:
                return


def _known(ask: Callable[[], int | None]) -> int:
    _await(lambda: ask() not in (None, -1))
    found = ask()
    assert found is not None
    return found


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
