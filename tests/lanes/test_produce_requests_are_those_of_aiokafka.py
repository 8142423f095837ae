"""The bytes of our own produce request are those that aiokafka would send, and its answers are read as aiokafka would read them."""

from __future__ import annotations

from io import BytesIO

from aiokafka.protocol.produce import ProduceRequest_v7, ProduceResponse_v7

from lanes.produce_request import Produced, ProducedBatch, ProduceRequest, ProduceResponse

VERSIONS = {0: (0, 12)}


def test_a_request_has_the_bytes_of_aiokafka() -> None:
    batches = [ProducedBatch("one", 3, b"abc"), ProducedBatch("zwö", 0, b"x" * 300), ProducedBatch("one", 1, b"")]

    ours = ProduceRequest(batches, 5000).prepare(VERSIONS)

    theirs = ProduceRequest_v7(None, -1, 5000, [("one", [(3, b"abc"), (1, b"")]), ("zwö", [(0, b"x" * 300)])])
    assert ours.encode() == theirs.encode()
    assert (
        ours.build_request_header(correlation_id=7, client_id="c").encode()
        == theirs.build_request_header(correlation_id=7, client_id="c").encode()
    )


def test_an_answer_tells_code_offset_and_time_of_each_partition() -> None:
    answer = ProduceResponse_v7(
        topics=[("one", [(3, 0, 41, -1, 0), (1, 6, -1, -1, -1)]), ("zwö", [(0, 0, 2**40, 5, 0)])], throttle_time_ms=0
    ).encode()
    header = BytesIO(b"head" + answer)
    header.read(4)

    for read in (answer, header):
        assert ProduceResponse.decode(read).produced == [
            Produced("one", 3, 0, 41),
            Produced("one", 1, 6, -1),
            Produced("zwö", 0, 0, 2**40, 5),
        ]
