"""A client of the person domain over NATS: send commands and await their outcomes, ask queries.

Guarantee: `send` returns the outcome that the system recorded for the command id; sending the same command again is harmless."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

import orjson
import uuid_utils
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from bridge.connection import connect
from connections.nats_servers import NatsServers, nats_servers
from queries.authorisation.principal_subject import queries_of

if TYPE_CHECKING:
    from tracing.client import SentCommand
    from tracing.recorder import SpanRecorder

REPLY_TO = "Person-Reply-To"
WINDOW_HEADER = "Person-Window"
NOBODY_ANSWERS = "no worker answers queries. Start one with `person worker` or `person up`."


class ClientError(Exception):
    """The system could not be asked; the message says what to do."""


@dataclass(eq=False)
class QueryFailed(Exception):  # noqa: N818  # an answer, not a defect
    """A query was answered with an error."""

    code: str
    reason: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class CommandMessage:
    """A command as it is sent; `subject` is left out for a person that CreatePerson names itself.

    `target` is the saga or the policy of a command on one; `person_id` is then the person of the saga.
    """

    type: str
    data: Mapping[str, Any]
    person_id: str | None = None
    actor: str = "user:cli"
    id: str | None = None
    source: str = "/clients/person-cli"
    expected_version: int | None = None
    time: str | None = None
    target: str | None = None

    def with_id(self) -> CommandMessage:
        """The same command with its id and time fixed, so that it can be sent again."""
        now = self.time or datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return replace(self, id=self.id or str(uuid_utils.uuid7()), time=now)

    def envelope(self) -> dict[str, Any]:
        """The CloudEvent; id and time are made here when they were not given."""
        sent = self.with_id()
        command_id = sent.id
        body = {
            "specversion": "1.0",
            "id": command_id,
            "type": self.type,
            "dataversion": 1,
            "source": self.source,
            "time": sent.time,
            "datacontenttype": "application/json",
            "correlationid": command_id,
            "causationid": command_id,
            "causationdepth": 0,
            "actor": self.actor,
            "data": dict(self.data),
        }
        if self.target is not None:
            body["subject"] = self.target
            if self.person_id is not None:
                body["partitionkey"] = self.person_id
        elif self.person_id is not None:
            body["subject"] = self.person_id
        if self.expected_version is not None:
            body["expectedversion"] = self.expected_version
        return body


class PersonClient:
    """One connection for commands and queries; an async context manager."""

    def __init__(self, nats: NatsServers | str, *, recorder: SpanRecorder | None = None) -> None:
        self._recorder = recorder
        self._servers = nats_servers(nats)
        self._queries = queries_of(self._servers.principal)
        self.nc = Client()
        self._inbox = ""
        self._awaited: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def __aenter__(self) -> PersonClient:
        await connect(self.nc, self._servers, name="person client")
        self._inbox = self.nc.new_inbox()
        await self.nc.subscribe(f"{self._inbox}.*", cb=self._on_outcome)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.nc.close()

    async def publish(self, message: CommandMessage) -> tuple[str, asyncio.Future[dict[str, Any]]]:
        """Send a command; returns its id and the future outcome once the stream has accepted the command durably."""
        envelope = message.envelope()
        span = self._span(envelope)
        command_id: str = envelope["id"]
        outcome: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._awaited[command_id] = outcome
        try:
            acknowledgement = await self._publish(message.type, orjson.dumps(envelope), command_id)
        except BaseException:
            self._awaited.pop(command_id, None)
            raise
        if span is not None:
            span.stored(message.type, acknowledgement)
        return command_id, outcome

    async def send(self, message: CommandMessage, *, timeout_s: float = 10.0) -> dict[str, Any]:
        """Send a command and await its outcome; raises ClientError when none is known in time."""
        command_id, outcome = await self.publish(message)
        return await self.outcome(command_id, outcome, timeout_s=timeout_s)

    async def outcome(
        self, command_id: str, awaited: asyncio.Future[dict[str, Any]], *, timeout_s: float, ask_every_s: float = 2.0
    ) -> dict[str, Any]:
        """Await the outcome of a published command; one that was missed is asked for."""
        deadline = time.monotonic() + timeout_s
        try:
            while not awaited.done():
                left = deadline - time.monotonic()
                done, _ = await asyncio.wait({awaited}, timeout=max(0.0, min(ask_every_s, left)))
                if done:
                    break
                try:
                    recorded: dict[str, Any] = (await self.query("get_outcome", {"command_id": command_id}))["data"]
                    return recorded
                except (QueryFailed, ClientError):
                    if time.monotonic() >= deadline:
                        raise ClientError(
                            f"no outcome of command {command_id} within {timeout_s:g} s. The command is stored and will be "
                            f"decided: ask again with `person outcome {command_id}`, and look at the workers."
                        ) from None
            return awaited.result()
        finally:
            self._awaited.pop(command_id, None)

    async def query(
        self,
        endpoint: str,
        request: Mapping[str, Any],
        *,
        timeout_ms: int = 2000,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Ask a query; returns the reply, raises QueryFailed for an error answer.

        A `timeout_ms` of the request itself counts before the argument. The answer is awaited two seconds longer than that.
        """
        asked = {"timeout_ms": timeout_ms, **request}
        # What is no number is for the worker to refuse.
        within_s = (asked["timeout_ms"] if isinstance(asked["timeout_ms"], int) else timeout_ms) / 1000 + 2
        try:
            reply = await self.nc.request(
                f"{self._queries}.{endpoint}",
                json.dumps(asked).encode(),
                timeout=within_s,
                headers=dict(headers or {}) or None,
            )
        except NoRespondersError:
            raise ClientError(NOBODY_ANSWERS) from None
        except NatsError as error:
            raise ClientError(f"the query was not answered ({type(error).__name__})") from error
        answer: dict[str, Any] = orjson.loads(reply.data)
        if not answer["ok"]:
            raise _failure(answer["error"])
        return answer

    async def stream(
        self, endpoint: str, request: Mapping[str, Any], *, window: int = 8, silence_s: float = 15.0
    ) -> AsyncIterator[Any]:
        """The rows of a streamed answer, one by one; the worker is never more than `window` messages ahead.

        Raises QueryFailed for an error answer, ClientError when nothing comes for `silence_s`.
        """
        inbox = self.nc.new_inbox()
        messages = await self.nc.subscribe(inbox)
        try:
            body = json.dumps({**request, "stream": True}).encode()
            await self.nc.publish(
                f"{self._queries}.{endpoint}", body, reply=inbox, headers={WINDOW_HEADER: str(window)}
            )
            while True:
                try:
                    message = await messages.next_msg(timeout=silence_s)
                except NatsError as error:
                    raise ClientError(f"the stream was not continued ({type(error).__name__})") from error
                if message.headers and message.headers.get("Status") == "503":
                    raise ClientError(NOBODY_ANSWERS)
                if not message.data:
                    return
                answer = orjson.loads(message.data)
                if not answer["ok"]:
                    raise _failure(answer["error"])
                for row in answer["items"]:
                    yield row
                if message.reply:
                    await message.respond(b"")
        finally:
            await messages.unsubscribe()

    async def _publish(self, subject: str, data: bytes, command_id: str) -> dict[str, Any]:
        if not re.fullmatch(r"person\.commands(\.[a-z][a-z0-9_]*)+", subject):
            raise ClientError(f"{subject!r} is no command subject; it has the form person.commands.<word>[.<word>]")
        headers = {REPLY_TO: f"{self._inbox}.{command_id}", "Content-Type": "application/cloudevents+json"}
        try:
            reply = await self.nc.request(subject, data, headers=headers, timeout=10)
        except NoRespondersError:
            raise ClientError(
                "no stream takes the command. Start a worker once; it creates the streams. A cluster that elects a leader "
                f"takes it in a moment: send it again with the same id: {command_id}"
            ) from None
        except NatsError as error:
            raise ClientError(
                f"the command was not acknowledged ({type(error).__name__}). Send it again with the same id: {command_id}"
            ) from error
        ack: dict[str, Any] = json.loads(reply.data)
        if "error" in ack:
            raise ClientError(f"the command stream refused the command: {ack['error'].get('description')}")
        return ack

    def _span(self, envelope: dict[str, Any]) -> SentCommand | None:
        if self._recorder is None:
            return None
        from tracing.client import SentCommand  # OpenTelemetry is optional

        return SentCommand(self._recorder, envelope)

    async def _on_outcome(self, message: Msg) -> None:
        awaited = self._awaited.get(message.subject.rsplit(".", 1)[1])
        if awaited is not None and not awaited.done():
            awaited.set_result(orjson.loads(message.data))


def _failure(error: Mapping[str, Any]) -> QueryFailed:
    return QueryFailed(error["code"], error["reason"], error.get("facts", {}))
