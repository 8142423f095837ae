"""A Hypothesis machine on the shared installation: whatever is asked of a few persons, outcomes and tables are those of the pure model."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bridge import read
from config.streams import EVENTS
from domain.events import read_event, write_event
from domain.subjects import person_filter
from local.stack import Endpoints
from ops.client import PersonClient
from ops.verification import Folded, Verification, compare_persons, fold
from ops.workers import Worker
from tests.system.as_stored import StoredCommands
from tests.system.asking import Asked, absorb, commands, creation, merge, nobody, with_other_content
from tests.system.model import Model, timeless
from tests.system.seeded_draws import SeededDraws
from tests.system.sender import Sender

ANSWER_S = 30.0
SAGAS_REST_WITHIN_S = 15.0
PERSONS = 4
WHO = st.integers(0, PERSONS - 1)
SEEDS = st.integers(0, 2**32)
"""What is asked is drawn by a seed: ids differ from example to example, which Hypothesis must not meet in its own draws."""


class LivePersons(RuleBasedStateMachine):
    """Messages are sent one behind the other and answered later, when somebody looks or two persons are concerned."""

    nats_url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._planned = Model()
        self._ids = [str(uuid.uuid4()) for _ in range(PERSONS)]
        self._said: list[Asked] = []
        self._waiting: list[tuple[int, Asked]] = []
        self._client = PersonClient(self.nats_url)
        self._stored = StoredCommands(self._client.nc, Model())
        self._sender = self._run(self._connected)

    @initialize(onboarding=st.lists(st.booleans(), min_size=PERSONS, max_size=PERSONS))
    def everybody_is_created(self, onboarding: list[bool]) -> None:
        for person_id, is_onboarded in zip(self._ids, onboarding, strict=True):
            self._say(creation({"given_names": ["Ada"]}, str(uuid.uuid4()), person_id, onboarding=is_onboarded))

    @rule(who=WHO, seeds=st.lists(SEEDS, min_size=1, max_size=6))
    def commands_come(self, who: int, seeds: list[int]) -> None:
        person_id = self._ids[who]
        for seed in seeds:
            draws = SeededDraws(str(seed))
            self._say(draws(commands(self._planned.person(person_id), self._ids, str(uuid.uuid4()))))

    @rule(of=st.integers(0, 999))
    def a_message_comes_again(self, of: int) -> None:
        self._say(self._said[of % len(self._said)])

    @rule(of=st.integers(0, 999))
    def an_id_is_used_again(self, of: int) -> None:
        asked = self._said[of % len(self._said)]
        if b'"id"' in asked.raw:
            self._say(with_other_content(asked))

    @rule(merged=WHO, into=WHO)
    def a_person_is_merged_and_absorbed(self, merged: int, into: int) -> None:
        self._settle()
        one, other = self._ids[merged], self._ids[into]
        self._say(merge(one, other, str(uuid.uuid4())))
        self._settle()
        self._say(absorb(other, one, self._planned.person(one).version, str(uuid.uuid4())))
        self._settle()

    @precondition(lambda self: len(self._waiting) >= 8)
    @invariant()
    def all_is_as_the_model_says(self) -> None:
        self._settle()
        self._run(self._compare)

    def teardown(self) -> None:
        try:
            self._settle()
            self._run(self._compare)
        finally:
            self._run(self._closed)
            self._runner.close()

    def _say(self, asked: Asked) -> None:
        self._said.append(asked)
        self._planned.decide(asked)
        [number] = self._run(lambda: self._sender.send(asked))
        self._waiting.append((number, asked))

    def _settle(self) -> None:
        self._run(self._stored.catch_up)
        for number, asked in self._waiting:
            answer = self._run(lambda number=number: self._sender.answer(number, ANSWER_S))  # type: ignore[misc]
            assert timeless(answer) == self._stored.told[asked]
        self._waiting.clear()

    async def _compare(self) -> None:
        """All is equal once sagas have done what they do by themselves; until then more may come than the model has seen."""
        deadline = time.monotonic() + SAGAS_REST_WITHIN_S
        while True:
            await self._stored.catch_up()
            differences = await self._differences()
            if not differences:
                return
            assert time.monotonic() < deadline, differences
            await asyncio.sleep(0.1)

    async def _differences(self) -> list[str]:
        result = Verification()
        folded: dict[str, Folded] = {}
        for person_id in (*self._ids, *map(nobody, self._ids)):
            stored = [one async for one in read.messages(self._client.nc, EVENTS, person_filter(person_id))]
            if [one.data for one in stored] != self._expected(person_id):
                return [f"{person_id}: {len(stored)} events, {len(self._expected(person_id))} expected"]
            fold([(one.subject, one.stream_sequence, read_event(one.data)) for one in stored], folded, result)
        await compare_persons(self._client, folded.values(), result)
        return [] if result.clean else [*result.differences, f"{result.lost} lost, {result.duplicated} duplicated"]

    def _expected(self, person_id: str) -> list[bytes]:
        return [*map(write_event, self._stored.model.events.get(person_id, []))]

    async def _connected(self) -> Sender:
        await self._client.__aenter__()
        await self._stored.start()
        sender = Sender(self._client.nc)
        await sender.start()
        return sender

    async def _closed(self) -> None:
        await self._client.__aexit__(None, None, None)

    def _run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            return await work()

        return self._runner.run(run())


@pytest.mark.slow
def test_live_persons_equal_the_model(team: list[Worker], servers: Endpoints) -> None:
    machine = type("OnSharedServers", (LivePersons,), {"nats_url": servers.nats_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=4,
            stateful_step_count=15,
            deadline=None,
            database=None,
            # What failed is repeated by its seeds, not searched for on live servers.
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
