"""Derived ids: the check values that every implementation has to meet."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from domain.ids import NS, derive, is_person_id
from domain.partitions import fnv1a, partition_of

EVENT = "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60"


def test_the_namespace_is_derived_from_its_urn() -> None:
    assert uuid5(NAMESPACE_URL, "urn:person-domain:1") == NS
    assert str(NS) == "78e8a334-2063-5e73-a4f6-f34b7907d384"


def test_the_first_event_of_a_command_has_the_specified_id() -> None:
    assert derive(EVENT, "0") == "b7d282fc-7ad2-5c0b-997a-bb3edf763b92"


def test_the_command_of_a_policy_has_the_specified_id() -> None:
    assert derive(derive(NS, "policy:auto-archive@1"), EVENT) == "f373f60a-3290-5c65-91dd-39d8e40fefed"


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        (EVENT, True),
        ("00000000-0000-0000-0000-000000000000", False),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", False),
        (EVENT.upper(), False),
        (EVENT.replace("-", ""), False),
        (EVENT + "\n", False),
        ("", False),
        ("٠190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60", False),
    ],
)
def test_a_person_id_is_a_canonical_uuid(text: Any, usable: Any) -> None:
    assert is_person_id(text) is usable


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"", 0x811C9DC5), (b"a", 0xE40C292C), (b"foobar", 0xBF9CF968)],
)
def test_the_partition_hash_is_fnv1a(data: Any, value: Any) -> None:
    assert fnv1a(data) == value


def test_the_partition_is_the_hash_of_the_person_id_over_the_number_of_partitions() -> None:
    assert partition_of(EVENT, 8) == fnv1a(EVENT.encode()) % 8
    assert {partition_of(derive(NS, str(number)), 8) for number in range(200)} == set(range(8))
