"""A folder keeps its ports while they are free; a wanted port is taken as it is or refused in one line."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.errors import StackError
from local.ports import HOST, choose_ports, is_free

ANY: dict[str, int | None] = {"nats": None, "kafka": None}


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "ports.json"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_chosen_ports_are_free_and_differ(memory: Path) -> None:
    ports = choose_ports(memory, wanted=ANY)
    assert len(set(ports.values())) == len(ports) == 4
    assert all(is_free(port) for port in ports.values())


def test_ports_are_remembered(memory: Path) -> None:
    assert choose_ports(memory, wanted=ANY) == choose_ports(memory, wanted=ANY)


def test_a_remembered_port_that_is_taken_is_replaced(memory: Path) -> None:
    before = choose_ports(memory, wanted=ANY)
    with socket.create_server((HOST, before["kafka"])):
        after = choose_ports(memory, wanted=ANY)
    assert after.pop("kafka") != before.pop("kafka")
    assert after == before


def test_a_wanted_port_wins_over_a_remembered_one(memory: Path) -> None:
    before = choose_ports(memory, wanted=ANY)
    after = choose_ports(memory, wanted={"nats": before["kafka"], "kafka": None})
    assert after["nats"] == before["kafka"] != after["kafka"]


def test_a_damaged_memory_is_forgotten(memory: Path) -> None:
    memory.write_text('["no ports"]')
    assert set(choose_ports(memory, wanted=ANY)) == {"nats", "nats_monitor", "kafka", "kafka_controller"}


@pytest.mark.parametrize("name", ["nats", "kafka"])
def test_a_taken_port_is_one_clear_line(name: str, memory: Path, taken: int) -> None:
    line = rf"^port {taken} is taken: stop the program that uses it or set another {name}_port$"
    with pytest.raises(StackError, match=line):
        choose_ports(memory, wanted=ANY | {name: taken})


def test_one_port_for_both_servers_is_refused(memory: Path) -> None:
    with pytest.raises(StackError, match="port 4222 is given twice"):
        choose_ports(memory, wanted={"nats": 4222, "kafka": 4222})


def test_an_impossible_port_is_refused(memory: Path) -> None:
    with pytest.raises(StackError, match=r"port 70000 cannot be used .* set another nats_port"):
        choose_ports(memory, wanted=ANY | {"nats": 70_000})
