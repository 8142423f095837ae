"""Of two workers that both believe to own a partition only the later one can write, and what one writes stands there once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError, RequestTimedOutError

from lanes.fenced_producer import SEQUENCES, FencedError, FencedProducer
from lanes.producer import OutgoingBatch, OutgoingRecord
from local.stack import Endpoints

if TYPE_CHECKING:
    from tests.lanes.conftest import Eventually, MakeTopic, ReadTopic


def _records(*values: bytes) -> list[OutgoingRecord]:
    return [OutgoingRecord(b"ada", value, 1_700_000_000_000) for value in values]


@pytest.fixture
async def rival(servers: Endpoints, unique: str) -> AsyncIterator[FencedProducer]:
    """Another worker of the same application; it has claimed nothing yet."""
    other = FencedProducer(servers.kafka_bootstrap, name=unique, client_id="rival", max_batch_bytes=16 << 10)
    yield other
    await other.stop()


async def test_the_broker_refuses_the_old_owner_once_the_new_one_has_written(
    fenced: FencedProducer, rival: FencedProducer, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    topic = await make_topic(partitions=2)
    await fenced.write(0, [OutgoingBatch(topic, 0, _records(b"old 1"))])

    await rival.claim([0])
    await fenced.write(0, [OutgoingBatch(topic, 0, _records(b"old 2"))])
    await rival.write(0, [OutgoingBatch(topic, 0, _records(b"new 1"))])

    for _ in range(2):
        with pytest.raises(FencedError, match=r"InvalidProducerEpoch|ProducerFenced"):
            await fenced.write(0, [OutgoingBatch(topic, 0, _records(b"old 3"))])
    assert await rival.write(0, [OutgoingBatch(topic, 0, _records(b"new 2"))]) == [[3]]
    # A partition that nobody else has claimed is left alone.
    assert await fenced.write(1, [OutgoingBatch(topic, 1, _records(b"other"))]) == [[0]]
    assert [record.value for record in await read_topic(topic, 0)] == [b"old 1", b"old 2", b"new 1", b"new 2"]


async def test_a_partition_that_was_not_claimed_is_not_written(
    fenced: FencedProducer, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    topic = await make_topic()
    await fenced.claim([1])

    with pytest.raises(FencedError, match="partition 0 was not claimed"):
        await fenced.write(0, [OutgoingBatch(topic, 0, _records(b"a"))])

    assert await read_topic(topic, 0) == []


async def test_a_request_whose_answer_was_lost_is_repeated_without_a_second_effect(
    fenced: FencedProducer, make_topic: MakeTopic, read_topic: ReadTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await make_topic()
    send = AIOKafkaClient.send
    lost = [RequestTimedOutError(), KafkaConnectionError()]

    async def forgetful(client: AIOKafkaClient, node: int, request: object, **options: object) -> object:
        answer = await send(client, node, request, **options)
        if lost and type(request).__name__ == "ProduceRequest":
            raise lost.pop()
        return answer

    monkeypatch.setattr(AIOKafkaClient, "send", forgetful)

    assert await fenced.write(0, [OutgoingBatch(topic, 0, _records(b"a", b"b"))]) == [[0, 1]]
    assert await fenced.write(0, [OutgoingBatch(topic, 0, _records(b"c"))]) == [[2]]

    assert not lost
    assert [record.value for record in await read_topic(topic, 0)] == [b"a", b"b", b"c"]


async def test_a_record_that_the_broker_refuses_does_not_wedge_the_next(
    fenced: FencedProducer, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    narrow = await make_topic(settings={"max.message.bytes": "1000"})

    with pytest.raises(KafkaError, match=narrow):
        await fenced.write(0, [OutgoingBatch(narrow, 0, _records(b"x" * 2000))])

    assert await fenced.write(0, [OutgoingBatch(narrow, 0, _records(b"a"))]) == [[0]]
    assert [record.value for record in await read_topic(narrow, 0)] == [b"a"]


async def test_a_refused_batch_does_not_keep_the_others_from_the_log(
    fenced: FencedProducer, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    narrow = await make_topic("narrow", settings={"max.message.bytes": "1000"})
    wide = await make_topic("wide")

    with pytest.raises(KafkaError):
        await fenced.write(0, [OutgoingBatch(narrow, 0, _records(b"x" * 2000)), OutgoingBatch(wide, 0, _records(b"a"))])

    assert [record.value for record in await read_topic(wide, 0)] == [b"a"]


async def test_what_is_larger_than_a_request_keeps_order_and_offsets(
    fenced: FencedProducer, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    topic, other = await make_topic("large"), await make_topic("small")
    values = [bytes([number]) * 5000 for number in range(20)]

    offsets = await fenced.write(
        0,
        [
            OutgoingBatch(topic, 0, _records(*values)),
            OutgoingBatch(other, 0, _records(b"a", b"x" * 50_000, b"b")),
        ],
    )

    assert offsets == [list(range(20)), [0, 1, 2]]
    assert [record.value for record in await read_topic(topic, 0)] == values
    assert [len(record.value) for record in await read_topic(other, 0)] == [1, 50_000, 1]


async def test_writes_of_many_partitions_share_requests(
    fenced: FencedProducer, make_topic: MakeTopic, read_topic: ReadTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await make_topic(partitions=4)
    for at in range(4):
        await fenced.write(at, [OutgoingBatch(topic, at, _records(b"first"))])
    requests = []
    send = AIOKafkaClient.send

    async def counting(client: AIOKafkaClient, node: int, request: object, **options: object) -> object:
        if type(request).__name__ == "ProduceRequest":
            requests.append(request)
        return await send(client, node, request, **options)

    monkeypatch.setattr(AIOKafkaClient, "send", counting)

    told = await asyncio.gather(
        *(fenced.write(at, [OutgoingBatch(topic, at, _records(b"%d" % at))]) for at in range(4))
    )

    assert told == [[[1]]] * 4
    assert len(requests) == 1
    assert [(await read_topic(topic, at))[1].value for at in range(4)] == [b"0", b"1", b"2", b"3"]


async def test_a_write_that_was_cut_off_needs_a_new_claim_and_never_arrives_later(
    fenced: FencedProducer,
    make_topic: MakeTopic,
    read_topic: ReadTopic,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = await make_topic()
    attempts = []

    async def unreachable(client: AIOKafkaClient, node: int, request: object, **options: object) -> object:
        attempts.append(request)
        raise KafkaConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(AIOKafkaClient, "send", unreachable)
        writing = asyncio.create_task(fenced.write(0, [OutgoingBatch(topic, 0, _records(b"stale"))]))
        await eventually(lambda: len(attempts) > 1)
        writing.cancel()
        await asyncio.wait({writing})
    with pytest.raises(FencedError, match="cut off"):
        await fenced.write(0, [OutgoingBatch(topic, 0, _records(b"early"))])
    await fenced.claim([0])
    await fenced.write(0, [OutgoingBatch(topic, 0, _records(b"after"))])

    await eventually(lambda: not fenced._retrying)
    assert [record.value for record in await read_topic(topic, 0)] == [b"after"]


async def test_sequence_numbers_begin_again_behind_the_last(
    fenced: FencedProducer, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    topic = await make_topic()
    fenced._claims[0].sequences[topic] = SEQUENCES - 2

    await fenced.write(0, [OutgoingBatch(topic, 0, _records(b"a", b"b"))])
    await fenced.write(0, [OutgoingBatch(topic, 0, _records(b"c", b"d"))])

    assert [record.value for record in await read_topic(topic, 0)] == [b"a", b"b", b"c", b"d"]


async def test_a_partition_without_a_leader_is_waited_for(
    fenced: FencedProducer, make_topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await make_topic()
    await fenced.write(0, [OutgoingBatch(topic, 0, _records(b"a"))])
    client = fenced._client
    assert client is not None
    known = client.cluster.leader_for_partition
    answers = [-1, None]

    def leader(at: TopicPartition) -> int | None:
        return answers.pop() if answers else known(at)

    async with AsyncExitStack() as undo:
        patch = undo.enter_context(monkeypatch.context())
        patch.setattr(client.cluster, "leader_for_partition", leader)
        assert await fenced.write(0, [OutgoingBatch(topic, 0, _records(b"b"))]) == [[1]]

    assert not answers


async def test_a_broker_that_does_not_answer_is_an_error_of_the_start() -> None:
    producer = FencedProducer("127.0.0.1:1", name="x", client_id="x", max_batch_bytes=1000)

    with pytest.raises(KafkaError):
        await producer.start()
    with pytest.raises(FencedError):
        await producer.write(0, [])
