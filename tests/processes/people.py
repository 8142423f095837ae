"""The people of a run: they start the cases and do what sagas wait for people to do. A careful client: what failed is sent again."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from nats.aio.msg import Msg

from domain.ids import derive
from ops.client import ClientError, CommandMessage, PersonClient
from tests.processes.cases import ERASE, Case

ANSWER_S = 120.0
ASK_EVERY_S = 15.0
SILENT_FOR = timedelta(days=400)
STEPS = "person.events.onboarding.step_completed.>"


class People:
    """Everybody of a run, over one connection. `unexpected` tells of commands that ended otherwise than they should."""

    def __init__(self, client: PersonClient) -> None:
        self.unexpected: list[str] = []
        self.commands = 0
        self._client = client
        self._steps: defaultdict[tuple[str, str], asyncio.Event] = defaultdict(asyncio.Event)
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Follow how far onboardings are."""
        js = self._client.nc.jetstream()
        await js.subscribe(STEPS, ordered_consumer=True, cb=self._on_step)

    async def play(self, cases: Sequence[Case]) -> None:
        """Start every case when its time has come; returns when the last one is started."""
        begun = time.monotonic()
        for case in cases:
            await asyncio.sleep(max(0.0, begun + case.at_s - time.monotonic()))
            task = asyncio.create_task(self._play(case))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give up waiting for what will not come any more; an error of a part is raised."""
        for task in list(self._tasks):
            if not task.done():
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _play(self, case: Case) -> None:
        try:
            await getattr(self, f"_{case.kind}")(case)
        except ClientError as error:
            self.unexpected.append(f"{case.kind} of {case.person_id}: {error}")

    async def _onboarding(self, case: Case) -> None:
        await self._create(case.person_id, onboarding=True)
        await self._done(case, "LocationStep")
        if case.conduct == "stays_away":
            return
        if case.conduct == "cancels":
            await self._send(
                CommandMessage(
                    "person.commands.saga.cancel",
                    {"reason": "the trial cancels it"},
                    case.person_id,
                    target=case.saga_id,
                    id=derive(case.saga_id, "cancel"),
                ),
                refusals=("saga_transition",),
            )
            return
        data: dict[str, Any] = {
            "email": {"email": {"address": f"someone-{case.person_id[:8]}@example.org"}},
            "phone": {"phone": {"number": "020 7183 8751", "country_calling_code": "44"}},
        }
        await self._of_onboarding(case, "provide_basic_info", data)
        await self._done(case, "BasicInfoStep")
        skill = {
            "component_type": "Skill",
            "data": {"name": "Rust", "category": "Programming", "proficiency": "Expert"},
        }
        await self._of_onboarding(case, "provide_components", {"components": [skill]})

    async def _cross_domain_sync(self, case: Case) -> None:
        await self._create(case.person_id)
        data = {"saga": "cross_domain_sync", "key": case.key, "data": case.parts}
        await self._command(case.person_id, "saga.start", data)

    async def _merge(self, case: Case) -> None:
        await asyncio.gather(self._create(case.person_id), self._create(case.other_id))
        data = {"target_person_id": case.other_id, "merge_reason": "DuplicateIdentity"}
        await self._command(case.person_id, "merge", data)

    async def _archival(self, case: Case) -> None:
        await self._create(case.person_id)
        await self._command(case.person_id, "lifecycle.archive", {"reason": "the trial archives"})

    async def _erasure(self, case: Case) -> None:
        await self._create(case.person_id)
        await self._command(case.person_id, ERASE, {"legal_basis": "DataSubjectRequest", "grace_hours": 0})

    async def _inactivity(self, case: Case) -> None:
        data = {"name": {"given_names": ["Trial"]}, "source": "trial"}
        long_ago = (datetime.now(UTC) - SILENT_FOR).isoformat().replace("+00:00", "Z")
        message = CommandMessage(
            "person.commands.create",
            data,
            case.person_id,
            # Only an import may tell of the past.
            actor="import:trial",
            id=derive(case.person_id, "create"),
            time=long_ago,
        )
        await self._send(message)

    async def _of_onboarding(self, case: Case, verb: str, data: dict[str, Any]) -> None:
        # The run may have ended meanwhile: then nobody needs it any more.
        await self._command(
            case.person_id, f"onboarding.{verb}", data, refusals=("onboarding_not_active", "onboarding_wrong_step")
        )

    async def _create(self, person_id: str, *, onboarding: bool = False) -> None:
        data = {"name": {"given_names": ["Trial"]}, "source": "trial", "onboarding": onboarding}
        await self._command(person_id, "create", data)

    async def _command(self, person_id: str, verb: str, data: dict[str, Any], *, refusals: Sequence[str] = ()) -> None:
        message = CommandMessage(f"person.commands.{verb}", data, person_id, id=derive(person_id, verb))
        await self._send(message, refusals=refusals)

    async def _send(self, message: CommandMessage, *, refusals: Sequence[str] = ()) -> None:
        self.commands += 1
        deadline = time.monotonic() + ANSWER_S
        once = message.with_id()
        while True:
            command_id, answered = await self._client.publish(once)
            outcome = await self._client.outcome(
                command_id, answered, timeout_s=deadline - time.monotonic(), ask_every_s=ASK_EVERY_S
            )
            if outcome["status"] != "failed" or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.5)
        if outcome["status"] != "accepted" and outcome.get("code") not in refusals:
            self.unexpected.append(f"{once.type} of {once.person_id}: {outcome['status']} {outcome.get('code')}")

    async def _done(self, case: Case, step: str) -> None:
        await self._steps[case.person_id, step].wait()

    async def _on_step(self, message: Msg) -> None:
        event = orjson.loads(message.data)
        self._steps[event["subject"], event["data"]["step"]].set()
