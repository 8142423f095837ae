"""The partition of a person. The hash equals the ``partition()`` function of nats-server for one token."""

from typing import Final

_OFFSET_BASIS: Final = 0x811C9DC5
_PRIME: Final = 0x01000193


def fnv1a(data: bytes) -> int:
    """32-bit FNV-1a hash."""
    value = _OFFSET_BASIS
    for byte in data:
        value = ((value ^ byte) * _PRIME) & 0xFFFFFFFF
    return value


def partition_of(person_id: str, partitions: int) -> int:
    """Number of the partition, from 0, that holds every event of the person."""
    return fnv1a(person_id.encode()) % partitions
