"""The life of a rule: which versions there are, and which commands move them. A fold of rule events, like a person."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from domain.command_data.rules import ActivateRule, RegisterRule, RetireRule, ShadowRule, SuspendRule
from domain.decide import AlreadyRecorded
from domain.ids import derive
from domain.policies.document import PolicyDocument, Status
from domain.policies.refusal import invalid_policy
from domain.policies.registration import check, read_document
from domain.policies.rule_event_data import (
    RuleActivated,
    RuleEventData,
    RuleEventName,
    RuleRegistered,
    RuleRetired,
    RuleShadowed,
    RuleSuspended,
)
from domain.policies.rule_events import RuleEvent
from domain.process_commands import ProcessCommand
from domain.refusals import Refused


class RuleVersion(NamedTuple):
    """One registered version."""

    document: PolicyDocument
    status: Status


class RuleState(NamedTuple):
    """All versions of one policy. `sequence` counts its events; `answered` tells which command made which: (first sequence, count)."""

    policy_id: str
    sequence: int = 0
    versions: Mapping[int, RuleVersion] = MappingProxyType({})
    answered: Mapping[str, tuple[int, int]] = MappingProxyType({})

    @property
    def active(self) -> RuleVersion | None:
        """The version in force."""
        return next((held for held in self.versions.values() if held.status == "active"), None)

    @property
    def in_shadow(self) -> tuple[RuleVersion, ...]:
        """Versions that are asked but send nothing."""
        return tuple(held for held in self.versions.values() if held.status == "shadow")

    @property
    def next_version(self) -> int:
        """The version that may be registered next."""
        return max(self.versions, default=0) + 1


class Move(NamedTuple):
    """Where a command leads a version, and from which statuses."""

    to: Status
    start: frozenset[Status]
    is_stop: bool = False
    """Whether it ends what a protected policy does."""


MOVES: Final[Mapping[str, Move]] = MappingProxyType(
    {
        "ShadowRule": Move("shadow", frozenset({"draft", "suspended"})),
        "ActivateRule": Move("active", frozenset({"draft", "shadow", "suspended"})),
        "SuspendRule": Move("suspended", frozenset({"active", "shadow"}), is_stop=True),
        "RetireRule": Move("retired", frozenset({"draft", "shadow", "suspended", "active"}), is_stop=True),
    }
)
"""The whole status machine of a version; registering makes a draft."""


def decide_rule(command: ProcessCommand, state: RuleState) -> tuple[RuleEvent, ...]:
    """The events of a rule command. Raises Refused or AlreadyRecorded. Registering checks the document: some milliseconds of work."""
    assert command.target == state.policy_id
    if command.id in state.answered:
        raise AlreadyRecorded(*state.answered[command.id])
    if command.expectedversion is not None and command.expectedversion != state.sequence:
        raise Refused("version_conflict", expected=command.expectedversion, actual=state.sequence)
    if isinstance(command.data, RegisterRule):
        return (_event(command, state, "registered", _register(command.data, state)),)
    assert isinstance(command.data, ShadowRule | ActivateRule | SuspendRule | RetireRule)
    return (_move(command, command.data.version, state),)


def evolve_rule(state: RuleState, event: RuleEvent) -> RuleState:
    """The state after an event; total. An event that is not the next one changes nothing."""
    if event.sequence != state.sequence + 1 or event.policy_id != state.policy_id:
        return state
    first, count = state.answered.get(event.causationid, (event.sequence, 0))
    return RuleState(
        state.policy_id,
        event.sequence,
        MappingProxyType({**state.versions, **_changed(state, event)}),
        MappingProxyType({**state.answered, event.causationid: (first, count + 1)}),
    )


def _register(data: RegisterRule, state: RuleState) -> RuleRegistered:
    document = read_document(data.document)
    if document.policy_id != state.policy_id:
        raise invalid_policy(("document", "policy_id"), "subject_differs")
    if document.version != state.next_version:
        raise Refused("policy_version_exists", version=document.version, next=state.next_version)
    return RuleRegistered(document=check(data.document).document)


def _move(command: ProcessCommand, version: int, state: RuleState) -> RuleEvent:
    held = state.versions.get(version)
    if held is None:
        raise Refused("policy_not_found", version=version)
    move = MOVES[command.name]
    if move.is_stop and held.document.protected:
        raise Refused("policy_protected", version=version)
    active = state.active
    # A lower version takes the place of a higher one only after somebody has stopped that.
    is_behind = move.to == "active" and active is not None and active.document.version > version
    if held.status not in move.start or is_behind:
        raise Refused("policy_transition", status=held.status, version=version, command=command.name)
    by = command.actor
    if move.to == "active":
        supersedes = None if active is None else active.document.version
        return _event(
            command, state, "activated", RuleActivated.admit({"version": version, "by": by, "supersedes": supersedes})
        )
    name, model = _MOVED[move.to]
    return _event(command, state, name, model.admit({"version": version, "by": by}))


_MOVED: Final[Mapping[Status, tuple[RuleEventName, type[RuleEventData]]]] = {
    "shadow": ("shadowed", RuleShadowed),
    "suspended": ("suspended", RuleSuspended),
    "retired": ("retired", RuleRetired),
}
_STATUS_AFTER: Final[Mapping[type[RuleEventData], Status]] = {
    RuleShadowed: "shadow",
    RuleActivated: "active",
    RuleSuspended: "suspended",
    RuleRetired: "retired",
}


def _changed(state: RuleState, event: RuleEvent) -> dict[int, RuleVersion]:
    data = event.data
    if isinstance(data, RuleRegistered):
        return {event.version: RuleVersion(data.document, "draft")}
    held, status = state.versions.get(event.version), _STATUS_AFTER.get(type(data))
    if held is None or status is None:
        return {}
    changed = {event.version: held._replace(status=status)}
    active = state.active
    if status == "active" and active is not None and active.document.version != event.version:
        changed[active.document.version] = active._replace(status="retired")
    return changed


def _event(command: ProcessCommand, state: RuleState, name: RuleEventName, data: RuleEventData) -> RuleEvent:
    return RuleEvent(
        id=derive(command.id, "0"),
        name=name,
        policy_id=state.policy_id,
        sequence=state.sequence + 1,
        time=command.now,
        correlationid=command.correlationid,
        causationid=command.id,
        causationdepth=command.causationdepth,
        actor=command.actor,
        traceparent=command.traceparent,
        data=data,
    )
