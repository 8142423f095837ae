"""Finds the causes of messages where their commands are gone: ids of issued commands follow from what led to them, so they can be made again.

Guarantee: a cause is named only if its id proves it, but for the signal of a failed command, which is told by the step that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, get_args

from domain.envelope import COMMAND_PREFIX, actor_kind
from domain.ids import NS, derive
from domain.relations import LocationType
from domain.sagas.evolve import fold
from domain.sagas.saga_events import SagaEvent
from domain.times import parse_instant
from domain.views.conversation import Message
from ops.trace.hop import Hop
from queries.saga_conversation import saga_messages

POLICY: Final = "policy:"
COMMAND: Final = "command"
"""The type of a command of which nothing but its id is known."""
UNPROVED: Final = "cause unknown"
ADAPTER_RULES: Final = (
    "add_component",
    "add_employment",
    "analyze_skills",
    "assign_agent",
    *(f"assign_location:{location_type}" for location_type in get_args(LocationType)),
    "assign_onboarding_location",
    "change_employment_role",
    "end_employment",
    "flag_quality",
    "link_identity",
    "record_activity",
    "record_identity_verification",
    "remove_location",
    "suspend",
    "unassign_agent",
    "unlink_identity",
    "update_component",
    "verify_component",
    "verify_identity",
)
"""Names of the commands of adapters, of which their ids are made."""


def with_causes(hops: Sequence[Hop], sagas: Mapping[str, Sequence[SagaEvent]]) -> list[Hop]:
    """The hops and, as hops without a stream, the commands that are known by what they caused."""
    found = {one.id: one for one in hops}
    for one in _of_sagas(hops, sagas):
        found.setdefault(one.id, one)
    proofs = _Proofs(list(found.values()))
    for effect in list(found.values()):
        if effect.causation not in found:
            found[effect.causation] = _command_of(effect, proofs)
    return list(found.values())


def _of_sagas(hops: Sequence[Hop], sagas: Mapping[str, Sequence[SagaEvent]]) -> Iterator[Hop]:
    """The commands of sagas and the signals that brought their outcomes back, made again from the events of the sagas."""
    correlations = {one.correlation for one in hops}
    for saga_id, history in sagas.items():
        saga = fold(history)
        if saga is None:
            continue
        for correlation in correlations:
            for message in saga_messages(saga, history, correlation):
                if message.kind == "command":
                    yield _named(message, correlation, saga_id)


def _named(message: Message, correlation: str, saga_id: str) -> Hop:
    return Hop(
        message.id,
        "command" if message.type.startswith(COMMAND_PREFIX) else "request",
        message.type,
        message.causation,
        correlation,
        message.depth,
        _time(message.time),
        person_id=message.person_id,
        saga_id=saga_id,
    )


def _command_of(effect: Hop, proofs: _Proofs) -> Hop:
    """The cause of a hop: a command that was removed since, with its own cause if that can be proved."""
    command_id = effect.causation
    is_root = command_id == effect.correlation
    cause = command_id if is_root else proofs.cause_of(command_id, effect)
    return Hop(
        command_id,
        "request" if effect.kind == "answer" else "command",
        COMMAND,
        # One whose cause is not found is told as a top of its own.
        cause or command_id,
        effect.correlation,
        effect.depth,
        effect.time,
        effect.actor,
        effect.person_id,
        detail="" if cause else UNPROVED,
    )


class _Proofs:
    """Ids of the commands that policies and adapters would send because of the known messages, made when they are asked for."""

    def __init__(self, known: Sequence[Hop]) -> None:
        self._known = known
        self._made: dict[tuple[str, str], Mapping[str, str]] = {}

    def cause_of(self, command_id: str, effect: Hop) -> str:
        """The message that a command answers; empty if none proves it."""
        kind = actor_kind(effect.actor)
        if kind == "policy":
            policy = effect.actor.removeprefix(POLICY)
            made = self._once((policy, ""), lambda: self._of_policy(policy))
        elif kind == "adapter":
            made = self._once(("", effect.person_id), lambda: self._of_adapters(effect.person_id))
        else:
            return ""
        return made.get(command_id, "")

    def _once(self, key: tuple[str, str], make: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _of_policy(self, policy: str) -> Mapping[str, str]:
        namespace = derive(NS, POLICY + policy)
        return {derive(namespace, one.id): one.id for one in self._known}

    def _of_adapters(self, person_id: str) -> Mapping[str, str]:
        names = _names_of(person_id)
        return {derive(one.id, name): one.id for one in self._known if one.kind == "answer" for name in names}


def _names_of(person_id: str) -> Sequence[str]:
    """What ids of adapters' commands are made of besides the event."""
    return ["person/signal_saga/0", *(f"person/{rule}/{index}" for rule in ADAPTER_RULES for index in ("0", person_id))]


def _time(text: str) -> datetime | None:
    try:
        return parse_instant(text)
    except ValueError:
        return None
