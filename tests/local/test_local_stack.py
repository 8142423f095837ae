"""The embedded stack answers in both protocols, keeps its data, and leaves nothing behind however it ends."""

import asyncio
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import nats
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from local import folder
from local.stack import Endpoints, Stack, StackError


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Endpoints:
    """What a first stack on its folder was like; it kept one event under the name `kept`."""
    data = tmp_path_factory.mktemp("first") / "data"
    (data / "kafka").mkdir(parents=True)
    (data / "kafka" / "cluster_id").write_text("-a9LzT0GRzy1x8Qm0yq4Aw")  # one id of 64 begins so
    with Stack(data) as first:
        asyncio.run(_keep_one(first.endpoints))
        return first.endpoints


@pytest.fixture
def used_folder(first_run: Endpoints) -> Path:
    """A data folder that was in use before, so that the start is short."""
    return first_run.data


async def test_both_servers_answer(stack: Stack) -> None:
    await _create(stack.endpoints, "answers")
    await _write(stack.endpoints, "answers", b"one")
    assert await _read(stack.endpoints, "answers") == [[b"one"], [b"one"]]


def test_the_monitor_of_nats_answers(stack: Stack) -> None:
    with urllib.request.urlopen(f"{stack.endpoints.nats_monitor_url}/healthz", timeout=30) as answer:
        assert b"ok" in answer.read()


async def test_what_was_acknowledged_survives_a_crash_of_both_servers(stack: Stack) -> None:
    before = stack.endpoints
    await _create(before, "crash")
    await _write(before, "crash", b"one")
    stack.kill_nats()
    stack.kill_kafka()
    with pytest.raises(StackError, match=r"^nats-server ended with code -9: .* \(log: .*nats\.log\)$"):
        stack.check()
    stack.start_nats()
    stack.start_kafka()
    await _write(before, "crash", b"two")
    assert await _read(before, "crash") == [[b"one", b"two"], [b"one", b"two"]]
    assert stack.endpoints.nats_pid != before.nats_pid
    assert stack.endpoints.kafka_pid != before.kafka_pid


def test_a_second_stack_on_the_folder_is_refused(stack: Stack) -> None:
    with pytest.raises(StackError, match=r"^the data folder .* is in use by process \d+: stop that stack or"):
        Stack(stack.endpoints.data).start()
    stack.check()


def test_a_second_start_of_a_running_stack_is_refused(stack: Stack) -> None:
    with pytest.raises(StackError, match="the stack runs already"):
        stack.start()
    stack.check()


async def test_a_second_start_finds_data_and_ports_again(first_run: Endpoints) -> None:
    told: list[str] = []
    with Stack(first_run.data, progress=told.append) as second:
        assert second.endpoints.nats_url == first_run.nats_url
        assert second.endpoints.kafka_bootstrap == first_run.kafka_bootstrap
        assert await _read(second.endpoints, "kept") == [[b"one"], [b"one"]]
    assert [line.split(" in ")[0] for line in told] == [
        "46 jars of Kafka verified",
        "nats-server ready",
        "kafka ready",
    ]


def test_a_killed_parent_leaves_no_server_and_a_usable_folder(used_folder: Path, run: Any, ended: Any) -> None:
    parent = run("-m", "local", "--data", str(used_folder))
    _await_line(parent, "Ctrl-C stops both")
    servers = _servers(used_folder)
    assert len(servers) == 2
    parent.kill()
    with Stack(used_folder) as stack:
        assert ended(*servers, within=20)
        assert stack.endpoints.kafka_pid not in servers


@pytest.mark.parametrize(
    ("moment", "number"), [("Ctrl-C stops both", signal.SIGINT), ("nats-server ready", signal.SIGTERM)]
)
def test_a_signal_stops_the_servers_in_order(
    moment: str, number: signal.Signals, used_folder: Path, run: Any, ended: Any
) -> None:
    parent = run("-m", "local", "--data", str(used_folder))
    _await_line(parent, moment)
    servers = _servers(used_folder)
    parent.send_signal(number)
    output, errors = parent.communicate(timeout=15)
    assert (parent.returncode, errors) == (0, "")
    assert output.endswith("stopped\n")
    assert servers
    assert ended(*servers, within=20)


def test_a_server_that_ends_while_starting_is_quoted(tmp_path: Path) -> None:
    broken = tmp_path / "kafka" / "data" / "meta.properties"
    broken.parent.mkdir(parents=True)
    broken.write_text("version=99\n")
    with pytest.raises(StackError, match=r"^kafka ended with code 1: .*meta.properties.* \(log: .*kafka\.log\)$"):
        Stack(tmp_path).start()
    assert _servers(tmp_path) == []


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StackError, match=rf"^port {port} is taken: .* set another kafka_port$"):
            Stack(tmp_path, kafka_port=port).start()


def test_a_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "NEEDED_BYTES", 2**60)
    with pytest.raises(StackError, match=r"^the data folder .* has \d+ MB free, the stack needs"):
        Stack(tmp_path).start()


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match=r"^cannot write to the data folder .* choose another$"):
        Stack(tmp_path / "file").start()


def test_the_foreground_program_tells_an_error_in_one_line(tmp_path: Path, run: Any) -> None:
    (tmp_path / "file").touch()
    program = run("-m", "local", "--data", str(tmp_path / "file"))
    output, errors = program.communicate(timeout=15)
    assert (program.returncode, output) == (1, "")
    assert errors.startswith("cannot write to the data folder")
    assert errors.count("\n") == 1


async def _keep_one(at: Endpoints) -> None:
    await _create(at, "kept")
    await _write(at, "kept", b"one")


async def _create(at: Endpoints, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=at.kafka_bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1)])
    await admin.close()
    client = await nats.connect(at.nats_url)
    await client.jetstream().add_stream(name=name, subjects=[name])
    await client.close()


async def _write(at: Endpoints, name: str, value: bytes) -> None:
    client = await nats.connect(at.nats_url)
    await client.jetstream().publish(name, value)
    await client.close()
    producer = AIOKafkaProducer(bootstrap_servers=at.kafka_bootstrap, acks="all")
    await producer.start()
    await producer.send_and_wait(name, value)
    await producer.stop()


async def _read(at: Endpoints, name: str) -> list[list[bytes]]:
    """What the stream and the topic of this name hold."""
    client = await nats.connect(at.nats_url)
    stream = client.jetstream()
    state = (await stream.stream_info(name)).state
    in_stream = [(await stream.get_msg(name, seq)).data or b"" for seq in range(1, state.messages + 1)]
    await client.close()
    consumer = AIOKafkaConsumer(bootstrap_servers=at.kafka_bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    partition = TopicPartition(name, 0)
    consumer.assign([partition])
    end = (await consumer.end_offsets([partition]))[partition]
    in_topic = [(await consumer.getone()).value for _ in range(end)]
    await consumer.stop()
    return [in_stream, in_topic]


def _await_line(program: Any, start: str) -> None:
    deadline = time.monotonic() + 30
    while not (line := program.stdout.readline()).startswith(start):
        assert line, program.stderr.read()
        assert time.monotonic() < deadline


def _servers(data: Path) -> list[int]:
    """The processes whose command line names a configuration in the data folder."""
    shown = subprocess.run(["ps", "-eww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
    rows = (row.strip().split(maxsplit=1) for row in shown.stdout.splitlines())
    configurations = (f"{data}/nats/nats.conf", f"{data}/kafka/server.properties")
    return [int(row[0]) for row in rows if len(row) > 1 and row[1].endswith(configurations)]
