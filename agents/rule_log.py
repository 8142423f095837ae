"""The events of one policy in PERSON_RULES: read whole each time, because there are few, and appended behind the last one read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nats.aio.client import Client

from bridge import read
from bridge.append import EntityAppend, EventMessage, append_each
from bridge.errors import AppendRefusedError
from config.streams import RULES
from domain.policies.rule_events import RuleEvent, read_rule_event, rule_event_subject, rule_filter, write_rule_event
from domain.policies.rule_state import RuleState, evolve_rule
from domain.undecodable import Undecodable


class RuleLog(NamedTuple):
    """What the stream held of a policy when it was read. `last` is the stream sequence of its last message, 0 for none."""

    state: RuleState
    events: Sequence[RuleEvent]
    last: int

    def of_command(self, command_id: str) -> Sequence[RuleEvent]:
        """The events that a command has caused."""
        return [event for event in self.events if event.causationid == command_id]


async def read_rule_log(nc: Client, policy_id: str) -> RuleLog:
    """The policy as the stream's leader holds it now; what cannot be read changes nothing, here as in the rule book."""
    state, events, last = RuleState(policy_id), [], 0
    async for message in read.messages(nc, RULES, rule_filter(policy_id)):
        last = message.stream_sequence
        try:
            event = read_rule_event(message.data, subject=message.subject)
        except Undecodable:
            continue
        events.append(event)
        state = evolve_rule(state, event)
    return RuleLog(state, events, last)


async def append_rule_events(nc: Client, log: RuleLog, events: Sequence[RuleEvent]) -> bool:
    """Append all events behind the log that they were decided on; False when the policy has moved since, and nothing is stored."""
    messages = [
        EventMessage(rule_event_subject(event.name, event.policy_id), write_rule_event(event), event.id)
        for event in events
    ]
    [result] = await append_each(nc, [EntityAppend(rule_filter(log.state.policy_id), log.last, messages)])
    return not isinstance(result, AppendRefusedError)
