"""Dead letters of commands: a redrive stores the command again, under its id, and waits for its outcome.

Guarantee: a command has one effect under its id, so one that was decided before gets its first outcome and does nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from agents.publishing import CONTENT_TYPE, publish
from bridge.errors import BridgeError
from domain.command_address import command_address
from domain.commands import Command, read_command
from domain.decide import AlreadyRecorded, decide
from domain.evolve import apply
from domain.ids import derive
from domain.partitions import partition_of
from domain.person import dump_state
from domain.process_commands import read_process_command
from domain.refusals import Refused
from queries.dead_letters.differences import differences
from queries.dead_letters.handling import Message, Redriven, broken
from queries.endpoint import Read
from queries.frame import Query, QueryError
from queries.tables_of_worker import WorkerTables

REPLY_TO = "Person-Reply-To"


class DecideAgain(Query):
    """What a command would lead to now."""

    command: str
    with_data: bool = False


async def _decided(tables: WorkerTables, partition: int, query: DecideAgain) -> dict[str, Any]:
    """The decision of the pure domain on today's row; policies that may refuse a command are not asked."""
    command = checked(query.command.encode())
    assert isinstance(command, Command)
    person = tables.persons.read(partition, str(command.person_id)).person
    try:
        events = decide(command, person)
    except Refused as refused:
        return {"decision": "refused", "code": refused.code, "reason": refused.reason, "events": [], "fields": []}
    except AlreadyRecorded:
        return {"decision": "recorded", "code": None, "reason": None, "events": [], "fields": []}
    after = person
    for event in events:
        after = apply(after, event)
    before = dump_state(person) if person.exists else None
    return {
        "decision": "accepted",
        "code": None,
        "reason": None,
        "events": [event.type for event in events],
        "fields": differences(before, dump_state(after), with_data=query.with_data),
    }


DECIDED = Read("dead_letter_decision", DecideAgain, _decided)


def checked(data: bytes) -> Any:
    """The command in bytes, of a person or of a process. Raises QueryError that names field and rule."""
    address = command_address(data)
    if address.key is None:
        raise broken(address.field or "message", address.reason or "unusable")
    subject = str(orjson.loads(data).get("type"))
    read = read_command if address.family == "person" else read_process_command
    try:
        return read(data, subject=subject, stored_at=datetime.now(UTC))
    except Refused as refused:
        facts: Mapping[str, Any] = refused.facts
        raise broken(str(facts.get("field", "message")), str(facts.get("rule", refused.code))) from None


class CommandLetters:
    """Commands that could not be routed, or whose id was used before."""

    def __init__(self, nc: Client, *, partitions: int, max_bytes: int) -> None:
        self._nc = nc
        self._partitions = partitions
        self._max_bytes = max_bytes

    async def check(self, message: Message) -> None:
        """Read the command as an edge does."""
        if len(message.data) > self._max_bytes:
            raise broken("message", f"at most {self._max_bytes} bytes")
        checked(message.data)
        if message.letter.reason.startswith("id: was used before") and _id(message.data) == _id(message.letter.data):
            raise broken("id", "was used before with different content; an edited copy needs another one")

    async def preview(self, message: Message) -> dict[str, Any]:
        """The decision on today's row."""
        await self.check(message)
        command = checked(message.data)
        if not isinstance(command, Command):
            return {"becomes": command.type, "decision": "unknown"}
        partition = partition_of(str(command.person_id), self._partitions)
        request = DecideAgain(command=message.data.decode(), with_data=message.occasion.with_data)
        return {"becomes": command.type, **(await message.occasion.ask.one(DECIDED, partition, request)).data}

    async def redrive(self, message: Message) -> Redriven:
        """Store the command and wait for its outcome."""
        await self.check(message)
        outcome = await sent(self._nc, checked(message.data).type, message.data, message.occasion.timeout_s)
        if outcome["status"] == "failed" or outcome.get("code") == "invalid_command":
            return Redriven(False, cause=outcome.get("code"), reason=outcome.get("reason"), outcome=outcome)
        return Redriven(True, outcome=outcome)


async def sent(nc: Client, subject: str, data: bytes, timeout_s: float) -> dict[str, Any]:
    """Store a command and wait for its outcome; raises QueryError `timeout` when none comes in time: it may be sent again."""
    inbox = nc.new_inbox()
    told: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def hear(message: Msg) -> None:
        if not told.done():
            told.set_result(orjson.loads(message.data))

    subscription = await nc.subscribe(inbox, cb=hear)
    try:
        await publish(nc, subject, data, {REPLY_TO: inbox, "Content-Type": CONTENT_TYPE})
        outcome = await asyncio.wait_for(told, timeout_s)
    except TimeoutError:
        raise QueryError("timeout", "the command is stored and has no outcome yet; ask again") from None
    except (BridgeError, NatsError) as error:
        raise QueryError("unavailable", f"the command could not be stored ({type(error).__name__})") from None
    finally:
        if not nc.is_closed:
            await subscription.unsubscribe()
    return {name: outcome.get(name) for name in ("command_id", "status", "code", "reason", "person_id", "version")}


def process_command(
    command_type: str, target: str, person_id: str, data: Mapping[str, Any], *, by: str, of: str
) -> bytes:
    """A command on a saga; `of` names the occasion, so that a repetition is the same command."""
    command_id = derive(target, of)
    body = {
        "specversion": "1.0",
        "id": command_id,
        "type": command_type,
        "dataversion": 1,
        "source": "/person/dead-letters",
        "subject": target,
        "partitionkey": person_id,
        "datacontenttype": "application/json",
        "correlationid": command_id,
        "causationid": command_id,
        "causationdepth": 0,
        "actor": by,
        "data": dict(data),
    }
    return orjson.dumps(body)


def _id(data: bytes) -> str | None:
    return command_address(data).command_id
