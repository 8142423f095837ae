"""The rules of the installation, folded in memory by every worker: which policies and deny rules are in force now.

Guarantee: what is in the book is the fold of PERSON_RULES up to `stream_sequence`, without a hole: it is read from the stream by
sequence, so nothing that happens to a connection can leave an event out. An event is in the book of every connected worker within a
second of its acknowledgement. A rule that this release cannot compile is left out and named; the others stay in force."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from bridge import read
from bridge.ending import end
from bridge.errors import BridgeError
from config.streams import RULES
from domain.policies.document import PolicyDocument
from domain.policies.registration import CheckedPolicy, compiled
from domain.policies.rule_events import STATE_EVENTS, read_rule_event, rule_event_subject
from domain.policies.rule_state import RuleState, evolve_rule
from domain.refusals import Refused
from domain.undecodable import Undecodable
from lanes.failure import stack_of

logger = logging.getLogger(__name__)

LOOK_INTERVAL_S = 0.5
"""A worker looks into the stream so often, and at once when it hears of an event: hearing is fast, looking is sure."""

ALL_RULE_EVENTS = "person.rules.*.*"
"""Everything in PERSON_RULES; decisions are kept in a stream of their own."""


class InForce(NamedTuple):
    """A policy that is asked; one in shadow is asked for the record only."""

    policy: CheckedPolicy
    shadow: bool


class Unusable(NamedTuple):
    """A version that should be asked and cannot be: what it names or says is not known to this release."""

    policy_id: str
    version: int
    reason: str


NOTHING: Sequence[InForce] = ()


class RuleBook:
    """The fold of PERSON_RULES of one worker."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._states: dict[str, RuleState] = {}
        self._policies: Mapping[str, Sequence[InForce]] = {}
        self._denials: Mapping[str, Sequence[InForce]] = {}
        self._names: frozenset[str] = frozenset()
        self._unusable: Sequence[Unusable] = ()
        self._turning = False
        self._heard = asyncio.Event()
        self._turned = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self.stream_sequence = 0
        """Stream sequence of the last event in the book."""
        self.is_read = False
        """Whether the book was read to the end of the stream once."""
        self.looked_at = time.monotonic()
        """When the end of the stream was seen last; seconds of the monotonic clock."""

    async def start(self) -> None:
        """Read the book to its end and go on following it. Raises what the servers' client raises when the stream cannot be read."""
        for name in STATE_EVENTS:
            await self._nc.subscribe(rule_event_subject(name, "*"), cb=self._hear)
        await self.look()
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="rule book")

    async def stop(self) -> None:
        """Follow no more; the book stays as it is."""
        if self._task is not None:
            await end(self._task)

    def in_force(self, event_type: str) -> Sequence[InForce]:
        """Policies that are active or in shadow for an event type, by id and version."""
        return self._policies.get(event_type, NOTHING)

    def denials(self, command_type: str) -> Sequence[InForce]:
        """Deny rules that are active or in shadow for a command type, by id and version."""
        return self._denials.get(command_type, NOTHING)

    @property
    def triggers(self) -> Mapping[str, Sequence[InForce]]:
        """Event types with policies that are active or in shadow."""
        return self._policies

    @property
    def names(self) -> frozenset[str]:
        """Policies and deny rules that are active or in shadow, as `<policy id>@<version>`."""
        return self._names

    @property
    def states(self) -> Mapping[str, RuleState]:
        """Everything that is registered, by policy id."""
        return MappingProxyType(self._states)

    @property
    def unusable(self) -> Sequence[Unusable]:
        """Versions that are left out although their status says that they are asked."""
        return self._unusable

    async def look(self) -> None:
        """Read what the stream holds behind the book."""
        async for message in read.messages(self._nc, RULES, ALL_RULE_EVENTS, after=self.stream_sequence):
            try:
                event = read_rule_event(message.data, subject=message.subject)
            except Undecodable as error:
                # Nothing stands behind it that it could stop: each event of a rule says what it changes.
                logger.error("rule event %s is passed over: %s: %s", message.stream_sequence, error.cause, error.reason)
            else:
                state = self._states.get(event.policy_id, RuleState(event.policy_id))
                self._states[event.policy_id] = evolve_rule(state, event)
                self._turning = True
            self.stream_sequence = message.stream_sequence
        if self._turning:
            await self._put_in_force()
            self._turning = False
        self.is_read = True
        self.looked_at = time.monotonic()
        async with self._turned:
            self._turned.notify_all()

    async def reached(self, stream_sequence: int, timeout_s: float) -> bool:
        """Wait until an event of PERSON_RULES is in the book; False when the time is over first."""
        self._heard.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._turned:
                await self._turned.wait_for(lambda: self.stream_sequence >= stream_sequence)
        return self.stream_sequence >= stream_sequence

    async def _follow(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), LOOK_INTERVAL_S)
            self._heard.clear()
            try:
                await self.look()
            except (BridgeError, NatsError, TimeoutError) as error:
                logger.debug("the rules could not be read: %s", error or type(error).__name__)
            except Exception as error:
                logger.error("the rules could not be put in force: %s", stack_of(error))

    async def _hear(self, _: Msg) -> None:
        self._heard.set()

    async def _put_in_force(self) -> None:
        """Compile what is asked, off the loop, and turn the page for all at once."""
        asked = [
            (held.document, held.status == "shadow")
            for _, state in sorted(self._states.items())
            for held in (*((state.active,) if state.active is not None else ()), *state.in_shadow)
        ]
        found = await asyncio.to_thread(lambda: [_compiled(document) for document, _ in asked])
        policies: dict[str, list[InForce]] = {}
        denials: dict[str, list[InForce]] = {}
        unusable = []
        for (_, shadow), policy in zip(asked, found, strict=True):
            if isinstance(policy, Unusable):
                unusable.append(policy)
                continue
            by_trigger = denials if policy.document.effect == "deny" else policies
            by_trigger.setdefault(policy.trigger, []).append(InForce(policy, shadow))
        for one in unusable:
            if one not in self._unusable:
                logger.error("policy %s@%s is not asked: %s", *one)
        self._policies, self._denials, self._unusable = policies, denials, unusable
        self._names = frozenset(one.name for one in found if isinstance(one, CheckedPolicy))


def _compiled(document: PolicyDocument) -> CheckedPolicy | Unusable:
    try:
        return compiled(document)
    except Refused as refused:
        return Unusable(
            document.policy_id, document.version, f"{refused.facts.get('field')}: {refused.facts.get('rule')}"
        )
