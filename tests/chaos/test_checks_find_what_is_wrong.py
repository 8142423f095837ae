"""The comparison of egress tells loss, repetition and disorder apart."""

from __future__ import annotations

import pytest

from tests.chaos.egress import EgressLedger, EgressSender
from tests.chaos.findings import Findings

SOURCE = [(0, b"key", b"a"), (1, b"key", b"b"), (2, b"key", b"c")]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (SOURCE, set()),
        (SOURCE[:2], {"lost"}),
        ([*SOURCE, SOURCE[2]], {"duplicated"}),
        ([SOURCE[0], SOURCE[2], SOURCE[1]], {"out_of_order"}),
        ([*SOURCE[:2], (2, b"key", b"x")], {"divergent"}),
        ([*SOURCE, (3, b"key", b"d")], {"duplicated"}),
    ],
    ids=["the same", "one less", "one twice", "exchanged", "another value", "one more"],
)
def test_the_target_of_an_egress_must_be_its_source(target: list[tuple[int, bytes, bytes]], expected: set[str]) -> None:
    ledger = EgressLedger()
    ledger.source[0] = list(SOURCE)
    ledger.target[0] = list(target)
    findings = Findings()

    ledger.check(EgressSender("nowhere:1"), findings)

    assert {difference.verdict for difference in findings.differences} == expected


def test_a_record_that_kafka_acknowledged_and_lost_is_told() -> None:
    sender = EgressSender("nowhere:1")
    sender.acknowledged.add(b"a")
    findings = Findings()

    EgressLedger().check(sender, findings)

    assert [difference.verdict for difference in findings.differences] == ["lost"]
