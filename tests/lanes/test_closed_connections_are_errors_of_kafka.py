"""A request on a connection that uvloop has closed fails as one on a broken connection, which ends no fetch for good."""

from __future__ import annotations

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from lanes.closed_connection import translate_errors_of_closed_connections
from local.stack import Endpoints


async def test_a_closed_transport_is_a_broken_connection_and_the_next_request_goes_through(
    servers: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    translate_errors_of_closed_connections()
    client = AIOKafkaClient(bootstrap_servers=servers.kafka_bootstrap, request_timeout_ms=2000)
    await client.bootstrap()
    [node] = [broker.nodeId for broker in client.cluster.brokers()]
    await client.send(node, MetadataRequest([]))
    [connection] = client._conns.values()

    def closed(_: bytes) -> None:
        # The words of uvloop 0.22 between the end of a transport and the moment when its protocol hears of it.
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    monkeypatch.setattr(connection._writer, "write", closed)
    with pytest.raises(KafkaConnectionError, match="closed already"):
        await client.send(node, MetadataRequest([]))

    assert not connection.connected()
    assert (await client.send(node, MetadataRequest([]))).brokers
    await client.close()
