"""Policies in a lane of their own: what is asked, sent, counted and recorded, whatever dies in between."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from nats.aio.client import Client

import agents.folding
from agents import apply_policies
from agents.apply_policies import ApplyPolicies
from agents.fold_persons import FoldPersons
from agents.live_position import LivePositions, MarkLivePosition
from agents.park_poison import ParkPoison
from agents.quarantine import Quarantine
from agents.rule_log import append_rule_events, read_rule_log
from agents.shipped_policies import register_shipped
from bridge import headers, read
from bridge.dead_letters import DeadLetters
from config.streams import COMMANDS, DECISIONS
from domain.events import Event, read_event
from domain.evolve import apply
from domain.ids import NS, derive
from domain.origin import MIGRATED
from domain.person import Person
from domain.policies.evaluation import Judgement, judge
from domain.policies.rule_state import decide_rule
from domain.process_commands import read_process_command
from lanes.agent import Batch, LaneAgent
from lanes.lane import LanePosition
from lanes.record import Record
from ops.client import CommandMessage
from tests.agents.policies import FLAG_QUALITY, NAMED, name_policy
from tests.conftest import fresh_nats

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker

P = 3


class Engine:
    """A worker that folds persons and asks policies, with a live position of its own."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.positions = LivePositions(worker.nc, f"test-{uuid.uuid4().hex}")

    async def take(self, records: Sequence[Record], *, killed: bool = False) -> None:
        """One cycle in a new process; one that is killed commits, and sends nothing."""
        live = LivePositions(self.worker.nc, self.positions._of)
        await self.worker.run(await self._agents(live, killed=killed), records)
        if not killed:
            await live.write()

    async def repeat(self, partition: int, records: Sequence[Record], prepare: Callable[[Batch], None]) -> Batch:
        """As `take`, for a redrive."""
        live = LivePositions(self.worker.nc, self.positions._of)
        lane = self.worker._lane(await self._agents(live))
        lane.start(LanePosition(0, False))
        try:
            return await lane.repeat(records, prepare)
        finally:
            await lane.stop(1.0)
            await live.write()

    async def _agents(self, live: LivePositions, *, killed: bool = False) -> list[LaneAgent]:
        kind = CutOff if killed else ApplyPolicies
        worker = self.worker
        await worker.rules.look()
        letters = DeadLetters(worker.nc, "person.dlq")
        wards = Quarantine(worker.quarantine)
        agents: list[LaneAgent] = [
            FoldPersons(worker.persons, worker.log, letters, wards, max_state_bytes=1 << 20),
            ParkPoison(worker.quarantine, letters, live),
            kind(
                worker.policies,
                worker.rules,
                live,
                worker.log,
                worker.quarantine,
                worker.nc,
                worker.policy_counters,
            ),
        ]
        if not killed:
            agents.append(MarkLivePosition(live))
        return agents

    def lose_policies(self, prefix: bytes = b"") -> None:
        """Lose rows of the table, progress and outbox too, as a kill does before the commit has reached them."""
        database = self.worker.policies.table.database(P)
        for key in [key for key, _ in database.items() if key.startswith(prefix)]:
            database.delete(key)

    def counts(self, name: str) -> dict[str, int]:
        """Counters of a policy's version."""
        row = self.worker.policies.rows(P).get(name)
        return {} if row is None else row.counts


class CutOff(ApplyPolicies):
    """Ends when its cycle is durable."""

    async def committed(self, batch: Batch) -> None:
        pass


@pytest.fixture(scope="module")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of this module alone: workers on the shared one would apply the policies of these tests, too."""
    with fresh_nats(tmp_path_factory.mktemp("policies") / "nats") as address:
        yield address


@pytest.fixture
async def nc(nats_url: str) -> AsyncIterator[Client]:
    client = Client()
    await client.connect(nats_url)
    yield client
    await client.close()


@pytest.fixture
def engine(worker: Worker) -> Engine:
    return Engine(worker)


async def put(nc: Client, document: dict[str, Any], *verbs: str) -> str:
    """Register a policy and move it; returns its name."""
    await ask(nc, document, "register", {"document": document})
    for verb in verbs:
        await ask(nc, document, verb, {"version": document["version"]})
    return f"{document['policy_id']}@{document['version']}"


async def ask(nc: Client, document: dict[str, Any], verb: str, data: dict[str, Any]) -> None:
    """Decide a command on a policy, and store what comes of it."""
    command_type = f"person.commands.rules.{verb}"
    asked = CommandMessage(command_type, data, target=document["policy_id"])
    command = read_process_command(
        orjson.dumps(asked.with_id().envelope()), subject=command_type, stored_at=datetime.now(UTC)
    )
    log = await read_rule_log(nc, document["policy_id"])
    assert await append_rule_events(nc, log, decide_rule(command, log.state))


def altered(record: Record, context: dict[str, Any] | None = None, **envelope: Any) -> Record:
    """A stored event that says something else."""
    document = orjson.loads(record.value) | envelope
    if context is not None:
        document["data"]["context"] = context
    return record._replace(value=orjson.dumps(document, option=orjson.OPT_SORT_KEYS))


async def sent(nc: Client, name: str) -> list[dict[str, Any]]:
    """Commands of a policy in the command stream, in order."""
    found = []
    async for message in read.messages(nc, COMMANDS, FLAG_QUALITY):
        command = orjson.loads(message.data)
        if command["actor"] == f"policy:{name}":
            found.append(command)
    return found


async def decisions(nc: Client, policy_id: str) -> list[dict[str, Any]]:
    """What is recorded of a policy."""
    return [
        orjson.loads(message.data)
        async for message in read.messages(nc, DECISIONS, f"person.rules.decided.{policy_id}")
    ]


async def test_a_live_event_is_asked_about_once_and_its_command_is_derived(engine: Engine, persons: Persons) -> None:
    ada = persons.new()
    _, renamed = await persons.append(ada, "Ada"), await persons.append(ada, "Ada B")
    name = await put(persons.nc, document := name_policy(ada), "activate")

    await engine.take(await persons.stored(ada))
    await engine.take(await persons.stored(ada))

    [command] = await sent(persons.nc, name)
    event = renamed[0]
    assert command["id"] == derive(derive(NS, f"policy:{name}"), event.id)
    assert (command["subject"], command["causationid"], command["correlationid"], command["causationdepth"]) == (
        ada,
        event.id,
        event.correlationid,
        1,
    )
    [record] = await decisions(persons.nc, document["policy_id"])
    assert (record["type"], record["data"]["verdict"], record["data"]["event_id"]) == (
        "person.rule.decided",
        "fired",
        event.id,
    )
    assert engine.counts(name) == {"fired": 1}
    assert [one["event_id"] for one in engine.worker.policies.rows(P)[name].latest] == [event.id]


async def test_a_kill_between_commit_and_sending_sends_once_and_counts_once(engine: Engine, persons: Persons) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", "Ada B", "Ada C")
    name = await put(persons.nc, name_policy(ada), "activate")
    records = await persons.stored(ada)

    await engine.take(records, killed=True)
    before = len(await sent(persons.nc, name))
    await engine.take(records)
    await engine.take(records)

    assert (before, len(await sent(persons.nc, name)), engine.counts(name)) == (0, 2, {"fired": 2})
    assert list(engine.worker.policies.outbox(P)) == []


async def test_a_version_that_comes_between_a_kill_and_the_next_start_does_not_decide_again(
    engine: Engine, persons: Persons
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", "Ada B")
    first = await put(persons.nc, document := name_policy(ada), "activate")
    records = await persons.stored(ada)

    await engine.take(records, killed=True)
    second = await put(persons.nc, {**document, "version": 2}, "activate")
    await engine.take(records)

    assert (len(await sent(persons.nc, first)), len(await sent(persons.nc, second))) == (1, 0)


async def test_a_kill_that_cuts_the_commit_before_the_counters_is_made_up_for_on_the_states_of_then(
    engine: Engine, persons: Persons
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", "Ada B", "Ada C")
    condition = f'event.subject == "{ada}" && summary.display_name == "Ada B"'
    examples = [
        {"event": {"subject": ada, "data": NAMED}, "summary": {"display_name": "Ada B"}, "expect": "fires"},
        {"event": {"subject": ada, "data": NAMED}, "summary": {"display_name": "Ada C"}, "expect": "silent"},
    ]
    document = name_policy(ada, condition=condition, examples=examples)
    name = await put(persons.nc, document, "activate")
    records = await persons.stored(ada)

    await engine.take(records, killed=True)
    engine.lose_policies()
    await engine.take(records)

    [command] = await sent(persons.nc, name)
    assert command["causationid"] == read_event(records[1].value).id
    assert engine.counts(name) == {"fired": 1, "silent": 1}


async def test_a_kill_that_cuts_the_commit_before_the_progress_counts_nothing_twice(
    engine: Engine, persons: Persons
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", "Ada B", "Ada C")
    name = await put(persons.nc, name_policy(ada), "activate")
    records = await persons.stored(ada)

    await engine.take(records, killed=True)
    engine.lose_policies(b"__")
    await engine.take(records)

    assert (len(await sent(persons.nc, name)), engine.counts(name)) == (2, {"fired": 2})


async def test_events_below_the_live_position_fire_nothing_whatever_is_read_again(
    engine: Engine, persons: Persons
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", "Ada B")
    records = await persons.stored(ada)
    await engine.take(records)
    name = await put(persons.nc, name_policy(ada), "activate")

    engine.worker.lose("persons")
    engine.lose_policies()
    await engine.take(records)
    await persons.append(ada, "Ada C")
    await engine.take(await persons.stored(ada))

    assert (len(await sent(persons.nc, name)), engine.counts(name)) == (1, {"fired": 1})


async def test_imported_and_migrated_events_fire_nothing(engine: Engine, persons: Persons) -> None:
    ada = persons.new()
    name = await put(persons.nc, name_policy(ada), "activate")
    await persons.append(ada, "Ada", "Ada B", "Ada C", "Ada D")
    created, imported, migrated, live = await persons.stored(ada)

    await engine.take(
        [created, altered(imported, actor="import:csv"), altered(migrated, context={MIGRATED: True}), live]
    )

    assert [one["causationid"] for one in await sent(persons.nc, name)] == [read_event(live.value).id]
    assert engine.counts(name) == {"fired": 1}


async def test_a_policy_that_fails_touches_no_other_and_all_are_asked_by_id(
    engine: Engine, persons: Persons, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", "Ada B")
    tag = uuid.uuid4().hex[:8]
    names = {
        kind: await put(persons.nc, name_policy(ada, policy_id=f"{order}-{kind}-{tag}"), "activate")
        for order, kind in (("c", "last"), ("a", "first"), ("b", "broken"))
    }

    def judged(policy: Any, occasion: Any, *, shadow: bool) -> Judgement:
        if policy.name == names["broken"]:
            raise RuntimeError("a defect")
        return judge(policy, occasion, shadow=shadow)

    monkeypatch.setattr(apply_policies, "judge", judged)
    await engine.take(await persons.stored(ada))

    order = [
        actor
        async for message in read.messages(persons.nc, COMMANDS, FLAG_QUALITY)
        if (actor := orjson.loads(message.data)["actor"].removeprefix("policy:")) in names.values()
    ]
    assert order == [names["first"], names["last"]]
    assert engine.counts(names["broken"]) == {"indeterminate": 1}
    [record] = await decisions(persons.nc, names["broken"].partition("@")[0])
    assert (record["data"]["verdict"], record["data"]["fault"]) == ("indeterminate", "defect")
    assert engine.worker.policy_counters.faults[names["broken"].partition("@")[0], "defect"] == 1


async def test_shadow_records_and_sends_nothing_and_a_long_chain_of_causes_is_blocked(
    engine: Engine, persons: Persons
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", "Ada B", "Ada C")
    shadow = await put(persons.nc, in_shadow := name_policy(ada), "shadow")
    active = await put(persons.nc, name_policy(ada), "activate")
    created, first, second = await persons.stored(ada)

    await engine.take([created, first, altered(second, causationdepth=8)])

    assert (await sent(persons.nc, shadow), len(await sent(persons.nc, active))) == ([], 1)
    assert engine.counts(shadow) == {"would_fire": 1, "blocked_depth": 1}
    assert engine.counts(active) == {"fired": 1, "blocked_depth": 1}
    verdicts = [one["data"]["verdict"] for one in await decisions(persons.nc, in_shadow["policy_id"])]
    assert verdicts == ["would_fire", "blocked_depth"]


async def test_shipped_policies_are_registered_once_and_what_operators_decided_stays(
    worker: Worker, persons: Persons
) -> None:
    first, second = name_policy(persons.new()), name_policy(persons.new())
    await register_shipped(persons.nc, [first, second])
    await register_shipped(persons.nc, [first, second])
    await ask(persons.nc, second, "suspend", {"version": 1})

    await register_shipped(persons.nc, [{**first, "version": 2}, {**second, "version": 2}])

    await worker.rules.look()
    statuses = [
        {number: held.status for number, held in worker.rules.states[one["policy_id"]].versions.items()}
        for one in (first, second)
    ]
    assert statuses == [{1: "retired", 2: "active"}, {1: "suspended"}]


async def test_an_event_that_waited_over_a_restart_is_asked_about_once_when_it_is_redriven(
    engine: Engine, persons: Persons, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, grace = persons.new(), persons.new()
    await persons.append(ada, "Ada", "Poison", "Ada C")
    name = await put(persons.nc, name_policy(ada), "activate")
    monkeypatch.setattr(agents.folding, "apply", defective)
    await engine.take(await persons.stored(ada))
    # The live position moves over what waits.
    await persons.append(grace, "Grace")
    await engine.take(await persons.stored(grace))
    assert await sent(persons.nc, name) == []
    monkeypatch.undo()

    redriver = engine.worker.redriver(engine.repeat)
    done = await redriver.redrive(P, FoldPersons.name, ada)

    assert (done.events, done.parked) == (2, None)
    renamed = (await persons.stored(ada))[1:]
    asked_about = [orjson.loads(record.value)["id"] for record in renamed]
    assert [command["causationid"] for command in await sent(persons.nc, name)] == asked_about
    await engine.take(await persons.stored(ada, grace))
    assert len(await sent(persons.nc, name)) == 2


async def test_a_person_that_is_parked_while_tables_are_filled_anew_causes_nothing_again(
    engine: Engine, persons: Persons, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", "Poison")
    name = await put(persons.nc, name_policy(ada), "activate")
    await engine.take(await persons.stored(ada))
    before = await sent(persons.nc, name)
    engine.worker.persons.table.database(P).delete(ada.encode())
    monkeypatch.setattr(agents.folding, "apply", defective)
    await engine.take(await persons.stored(ada))
    assert list(engine.worker.parked()) == [(FoldPersons.name, ada)]
    monkeypatch.undo()

    await engine.worker.redriver(engine.repeat).redrive(P, FoldPersons.name, ada)

    assert (len(before), await sent(persons.nc, name)) == (1, before)


async def test_what_was_parked_while_another_generation_acted_causes_nothing_that_it_has_caused(
    engine: Engine, persons: Persons, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", "Poison", "Ada C")
    name = await put(persons.nc, name_policy(ada), "activate")
    monkeypatch.setattr(agents.folding, "apply", defective)
    await engine.take(await persons.stored(ada))
    # The switch: what comes behind it is of this generation.
    others_up_to = headers.source((await persons.stored(ada))[-1].headers)[1]
    await persons.append(ada, "Ada D")
    await engine.take((await persons.stored(ada))[3:])
    monkeypatch.undo()

    done = await engine.worker.redriver(engine.repeat, others_up_to=others_up_to).redrive(P, FoldPersons.name, ada)

    assert (done.events, done.parked) == (3, None)
    own = orjson.loads((await persons.stored(ada))[3].value)["id"]
    assert [command["causationid"] for command in await sent(persons.nc, name)] == [own]


def defective(person: Person, event: Event) -> Person:
    """The fold with a defect."""
    if b"Poison" in orjson.dumps(event.data.model_dump(mode="json")):
        raise ValueError("a defect")
    return apply(person, event)
