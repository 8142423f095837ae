"""The partition token that nats-server writes into a subject is the partition that the domain computes."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from nats.aio.client import Client

from bridge import read
from bridge.append import EntityAppend, EventMessage, append
from config.streams import EVENTS, streams
from domain.partitions import partition_of

if TYPE_CHECKING:
    from tests.bridge.conftest import MakeStream


@pytest.mark.parametrize("partitions", [8, 1024])
async def test_200_persons_lie_where_the_domain_says(
    nc: Client, make_stream: MakeStream, unique: str, partitions: int
) -> None:
    [declared] = [one for one in streams(partitions, 1) if one["name"] == EVENTS]
    transform = {end: declared["subject_transform"][end].replace("person.", f"{unique}.") for end in ("src", "dest")}
    stream = await make_stream(subjects=[transform["src"]], subject_transform=transform, allow_atomic=True)
    persons = [str(uuid.uuid4()) for _ in range(200)]

    await append(nc, [_created(unique, person) for person in persons])

    stored = [message.subject.split(".") async for message in read.messages(nc, stream, f"{unique}.>")]
    assert [tokens[-1] for tokens in stored] == persons
    assert [int(tokens[-2]) for tokens in stored] == [partition_of(person, partitions) for person in persons]


def _created(prefix: str, person: str) -> EntityAppend:
    message = EventMessage(f"{prefix}.events.profile.created.{person}", b"", person)
    return EntityAppend(f"{prefix}.events.*.*.*.{person}", 0, [message])
