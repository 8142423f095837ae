"""A fault proxy carries every byte in order, does each fault in the direction that was asked for, and heals."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from local.errors import StackError
from local.link import WAITING_LIMIT
from local.ports import HOST
from local.proxy import FaultProxy, ProxyThread

PATIENCE = 30.0


class Echo:
    """A server that answers with what it hears and keeps it."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.connections: list[socket.socket] = []
        self._listener = socket.create_server((HOST, 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def close(self) -> None:
        if self._listener.fileno() >= 0:
            # A thread that waits in accept wakes up by shutdown, not by close.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections.append(connection)
                self._threads.append(threading.Thread(target=self._answer, args=(connection,)))
                self._threads[-1].start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(1 << 16):
                self.heard += data
                connection.sendall(data)


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[FaultProxy]:
    with socket.create_server((HOST, 0)) as probe:
        listen = (HOST, probe.getsockname()[1])
    with ProxyThread() as thread, FaultProxy(thread, "echo", listen=listen, target=echo.address) as running:
        yield running


@pytest.fixture
def connect(proxy: FaultProxy) -> Iterator[Callable[[], socket.socket]]:
    opened: list[socket.socket] = []

    def open_one() -> socket.socket:
        opened.append(socket.create_connection(proxy.listen, timeout=PATIENCE))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


def test_without_a_fault_every_byte_passes_both_ways(proxy: FaultProxy, connect: Callable[[], socket.socket]) -> None:
    connection = connect()
    sent = bytes(range(256)) * 20_000
    sender = threading.Thread(target=connection.sendall, args=(sent,))
    sender.start()
    assert _read(connection, len(sent)) == sent
    sender.join()
    counts = proxy.counts
    assert (counts.accepted, counts.open, counts.bytes_to_server, counts.bytes_to_client) == (
        1,
        1,
        len(sent),
        len(sent),
    )


def test_the_end_of_one_side_is_the_end_of_the_other(
    echo: Echo, proxy: FaultProxy, connect: Callable[[], socket.socket]
) -> None:
    connection = connect()
    connection.sendall(b"hello")
    assert _read(connection, 5) == b"hello"
    echo.connections[0].shutdown(socket.SHUT_RDWR)
    assert connection.recv(1) == b""
    _await(lambda: proxy.counts.open == 0)


def test_a_cut_link_resets_its_connections_and_refuses_new_ones_until_it_heals(
    proxy: FaultProxy, connect: Callable[[], socket.socket]
) -> None:
    connection = connect()
    connection.sendall(b"x")
    assert _read(connection, 1) == b"x"
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        connection.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connect()
    assert proxy.faults == ("cut",)
    proxy.heal()
    again = connect()
    again.sendall(b"again")
    assert _read(again, 5) == b"again"
    assert not proxy.faults


def test_a_server_that_is_down_is_a_reset(echo: Echo, proxy: FaultProxy, connect: Callable[[], socket.socket]) -> None:
    echo.close()
    with pytest.raises(ConnectionResetError):
        connect().recv(1)
    assert proxy.counts.unreachable == 1


def test_a_delay_holds_bytes_back_and_keeps_their_order(
    proxy: FaultProxy, connect: Callable[[], socket.socket]
) -> None:
    connection = connect()
    proxy.delay(0.1, jitter=0.1, direction="to_client")
    sent = [b"%03d" % number for number in range(20)]
    begun = time.monotonic()
    for piece in sent:
        connection.sendall(piece)
        time.sleep(0.005)
    assert _read(connection, 60) == b"".join(sent)
    assert time.monotonic() - begun >= 0.1


def test_healing_delivers_what_waits_at_once(proxy: FaultProxy, connect: Callable[[], socket.socket]) -> None:
    connection = connect()
    proxy.delay(60)
    connection.sendall(b"late")
    proxy.heal()
    assert _read(connection, 4) == b"late"


@pytest.mark.parametrize(("direction", "heard"), [("to_server", b""), ("to_client", b"lost"), ("both", b"")])
def test_a_half_open_link_swallows_and_healing_resets_it(
    direction: str, heard: bytes, echo: Echo, proxy: FaultProxy, connect: Callable[[], socket.socket]
) -> None:
    connection = connect()
    connection.sendall(b"!")
    assert _read(connection, 1) == b"!"
    proxy.half_open(direction)  # type: ignore[arg-type]
    connection.sendall(b"lost")
    way = "swallowed_to_client" if direction == "to_client" else "swallowed_to_server"
    _await(lambda: getattr(proxy.counts, way) == 4)
    _silent(connection)
    assert echo.heard[1:] == heard
    proxy.heal()
    with pytest.raises(ConnectionResetError):
        connection.recv(1)


def test_a_half_open_link_hides_that_the_server_has_gone(
    echo: Echo, proxy: FaultProxy, connect: Callable[[], socket.socket]
) -> None:
    connection = connect()
    connection.sendall(b"!")
    assert _read(connection, 1) == b"!"
    proxy.half_open("to_client")
    echo.connections[0].shutdown(socket.SHUT_RDWR)
    _silent(connection)
    assert proxy.counts.open == 1


def test_a_connection_made_while_half_open_is_reset_too(
    proxy: FaultProxy, connect: Callable[[], socket.socket]
) -> None:
    proxy.half_open()
    connection = connect()
    connection.sendall(b"lost")
    _await(lambda: proxy.counts.swallowed_to_server == 4)
    proxy.heal()
    with pytest.raises(ConnectionResetError):
        connection.recv(1)


def test_a_throttled_link_carries_at_its_rate(proxy: FaultProxy, connect: Callable[[], socket.socket]) -> None:
    connection = connect()
    proxy.throttle(200_000, "to_server")
    begun = time.monotonic()
    connection.sendall(bytes(60_000))
    _read(connection, 60_000)
    assert time.monotonic() - begun >= 0.28


def test_what_waits_is_bounded(echo: Echo, proxy: FaultProxy, connect: Callable[[], socket.socket]) -> None:
    connection = connect()
    proxy.delay(60, direction="to_server")
    connection.settimeout(1.0)
    with pytest.raises(TimeoutError):
        connection.sendall(bytes(64 << 20))
    assert echo.heard == b""
    proxy.heal()
    _await(lambda: len(echo.heard) > WAITING_LIMIT)


def test_faults_add_up_and_heal_together(proxy: FaultProxy) -> None:
    proxy.delay(0.01)
    proxy.throttle(1000)
    proxy.half_open("to_client")
    assert proxy.faults == ("delay", "half_open", "throttle")
    proxy.heal()
    assert not proxy.faults


def test_a_fault_without_a_meaning_is_refused(proxy: FaultProxy) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        proxy.delay(-1)
    with pytest.raises(ValueError, match="must be positive"):
        proxy.throttle(0)


def test_a_taken_address_is_one_clear_line(echo: Echo) -> None:
    with (
        ProxyThread() as thread,
        pytest.raises(StackError, match=r"^the proxy echo cannot listen on 127.0.0.1:\d+ \(.*\)$"),
    ):
        FaultProxy(thread, "echo", listen=echo.address, target=echo.address).start()


def _read(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(1 << 16)
        assert piece, "the connection ended early"
        data += piece
    return bytes(data)


def _silent(connection: socket.socket) -> None:
    connection.settimeout(0.15)
    with pytest.raises(TimeoutError):
        connection.recv(1)
    connection.settimeout(PATIENCE)


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
