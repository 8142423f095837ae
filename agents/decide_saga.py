"""Agent decide_saga: commands on sagas to saga events, and their outcomes to table `outcomes`.

Guarantee: the outcome of a command is announced after its saga events are stored and its row is durable; a command that comes again gets
its first outcome, also when a crash has cut off the row. A refusal is given only on what the stream holds at that time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from nats.aio.client import Client
from pydantic import BaseModel, Field, JsonValue, ValidationError

from agents.command_intake import CommandIntake, PendingCommand
from agents.policy_counters import PolicyCounters
from agents.saga_counts import SagaCounts
from agents.saga_log import Reaction, SagaLog, Stimulus
from agents.saga_reading import SagaHistory
from bridge.dead_letters import DeadLetters
from domain.command_data.saga import AbortSaga, CancelSaga, RetrySaga, SignalSaga, SkipSagaStep, StartSaga
from domain.fields import broken_rule, invalid
from domain.ids import Uuid
from domain.outcomes import Outcome, Position, RecordedEvent
from domain.process_commands import ProcessCommand, read_process_command
from domain.refusals import Refused
from domain.sagas.inputs import (
    AbortInput,
    CancelInput,
    OutcomeInput,
    RetryInput,
    SagaInput,
    SignalInput,
    SkipInput,
    StartInput,
)
from domain.sagas.saga_events import SagaEvent
from lanes.agent import Batch, LaneAgent
from tables.outcomes import OutcomesTable

Pending = PendingCommand[ProcessCommand]


class DecideSaga(LaneAgent):
    """Lets sagas take commands: StartSaga, signals and outcomes, and what operators ask for."""

    name = "decide_saga"

    def __init__(
        self,
        table: OutcomesTable,
        log: SagaLog,
        history: SagaHistory,
        nc: Client,
        letters: DeadLetters,
        counts: SagaCounts,
        policies: PolicyCounters,
    ) -> None:
        self.tables = (table.table,)
        self._log = log
        self._history = history
        self._counts = counts
        self._intake: CommandIntake[Pending, ProcessCommand] = CommandIntake(
            self.name, "saga", read_process_command, PendingCommand, table, nc, letters, policies
        )

    async def process(self, batch: Batch) -> None:
        """Decide all saga commands of the cycle, append their events, stage their outcomes."""
        intake = await self._intake.take(batch)
        if intake.pending:
            await self._decide(batch.partition, list(intake.pending.values()))
        await self._intake.keep(batch, intake)

    async def committed(self, batch: Batch) -> None:
        """Publish the outcomes."""
        await self._intake.announce(batch)

    async def _decide(self, partition: int, pending: list[Pending]) -> None:
        reacted_at = datetime.now(UTC)
        asked: list[tuple[Pending, ProcessCommand]] = []
        stimuli: list[Stimulus] = []
        for one in pending:
            if one.command is None:
                continue
            try:
                stimulus = self._stimulus(one, one.command, reacted_at)
            except Refused as refused:
                one.outcome = Outcome.refused(refused, command_id=one.command_id)
                continue
            asked.append((one, one.command))
            stimuli.append(stimulus)
        reactions = await self._log.react(partition, stimuli)
        self._counts.inputs["command"] += len(stimuli)
        for (one, command), reaction in zip(asked, reactions, strict=True):
            one.outcome = await self._outcome(partition, command, reaction)

    def _stimulus(self, one: Pending, command: ProcessCommand, reacted_at: datetime) -> Stimulus:
        assert command.person_id is not None
        return Stimulus(
            saga_input(command, reacted_at),
            self.name,
            one.record,
            command.person_id,
            command.target,
            starts=isinstance(command.data, StartSaga),
        )

    async def _outcome(self, partition: int, command: ProcessCommand, reaction: Reaction) -> Outcome:
        saga = reaction.saga
        if reaction.failed:
            return Outcome.failed(
                "internal_error", command_id=command.id, person_id=command.person_id, target=command.target
            )
        refused = reaction.refused
        if saga is None and refused is None:
            refused = Refused("saga_not_found", saga_id=command.target)
        if refused is not None:
            version = None if saga is None else saga.version
            return Outcome.refused(
                refused, command_id=command.id, person_id=command.person_id, version=version, target=command.target
            )
        assert saga is not None
        assert command.person_id is not None
        events, last = reaction.events, reaction.stream_sequence
        if not events and command.id in saga.recent and not isinstance(command.data, SignalSaga):
            events, last = await self._recorded(command)
        return Outcome.accepted(
            command.id,
            command.person_id,
            events[-1].sequence if events else saga.version,
            [RecordedEvent(id=event.id, type=event.type, sequence=event.sequence) for event in events],
            Position(stream_sequence=last, partition=partition, stream="PERSON_SAGAS") if events else None,
            target=command.target,
        )

    async def _recorded(self, command: ProcessCommand) -> tuple[tuple[SagaEvent, ...], int]:
        """The events of a command whose outcome a crash has cut off."""
        found: list[SagaEvent] = []
        last = 0
        async for arrival in self._history.arrivals(command.target):
            if arrival.event is not None and arrival.event.causationid == command.id:
                found.append(arrival.event)
                last = arrival.stream_sequence
        return tuple(found), last


def saga_input(command: ProcessCommand, reacted_at: datetime) -> SagaInput:
    """The input that a command is. Raises Refused for an outcome that is none."""
    common: dict[str, Any] = {
        "id": command.id,
        "now": command.now,
        "correlationid": command.correlationid,
        "causationid": command.causationid,
        "depth": command.causationdepth,
        "actor": command.actor,
        "traceparent": command.traceparent,
        "reacted_at": reacted_at,
    }
    match command.data:
        case StartSaga() as data:
            assert command.person_id is not None
            given = data.data.model_dump(mode="json", exclude_none=True)
            key = data.business_key(command.person_id)
            return StartInput(**common, saga=data.saga, business_key=key, data=given)
        case SignalSaga(signal="outcome") as data:
            return _outcome_input(common, data)
        case SignalSaga() as data:
            return SignalInput(**common, signal=data.signal, data=data.data)
        case CancelSaga() as data:
            return CancelInput(**common, reason=data.reason)
        case RetrySaga() as data:
            return RetryInput(**common, reason=data.reason)
        case SkipSagaStep() as data:
            return SkipInput(**common, step=data.step, reason=data.reason)
        case AbortSaga() as data:
            return AbortInput(**common, reason=data.reason)
    raise TypeError(f"no command on sagas: {command.type}")


def _outcome_input(common: dict[str, Any], signal: SignalSaga) -> OutcomeInput:
    try:
        told = _Outcome.model_validate(signal.data)
    except ValidationError as error:
        raise invalid(*broken_rule(error, "data.data")) from None
    return OutcomeInput(**common, command_id=told.command_id, status=told.status, code=told.code, facts=told.facts)


class _Outcome(BaseModel):
    """What the signal of an outcome tells of it."""

    command_id: Uuid
    status: Literal["accepted", "refused", "failed"]
    code: str | None = None
    facts: dict[str, JsonValue] = Field(default_factory=dict)
