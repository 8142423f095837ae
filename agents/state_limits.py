"""How large persons may get: what a command may add, and what a merge may leave for its target to take over.

Guarantee: a person is merged only if its target, as it is then, can take over everything; what others add to the target meanwhile is not
counted against the person that is absorbed."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Final

from bridge.append import MAX_BATCH
from domain.absorbing import take_over
from domain.canonical import encode_stored
from domain.command_data.lifecycle import AbsorbPerson, MergePersons
from domain.commands import Command
from domain.envelope import COMMAND_PREFIX
from domain.events import Event
from domain.person import Person, dump_state
from domain.refusals import Refused
from domain.resolved import MergeTarget

MAX_TAKEN_OVER: Final = 800
"""Events by which a target takes over a person. What happens to the target between the merge and the taking over may add some to them."""

SMALL_GROWTH: Final = 1024
"""Bytes that who is too large already may get more by one command, so that it can be suspended or corrected."""

FEW_PARTS = 16
"""Components and attributes of at most 80 KiB each that fit any row without measuring."""

FEW_LINKS = 1000
"""Links, titles, flags and ids of at most a few hundred bytes each that do, too."""


def check_limits(
    command: Command, events: Sequence[Event], before: Person, person: Person, max_state_bytes: int
) -> None:
    """Refuse what cannot be stored at once or would make a row too large; `person` is the state behind the events, `before` that ahead of them.

    A state that commands have made has at most `max_state_bytes`. Folds take twice as much, and what is absorbed may fill nearly all of it:
    its merge has been checked, and cannot be taken back. Who has more by that may still get smaller, be corrected and end.
    """
    if len(events) > MAX_BATCH:
        raise Refused("component_limit", "the decision has more events than can be stored at once", limit=MAX_BATCH)
    if isinstance(command.data, MergePersons):
        _check_target(command, person, max_state_bytes)
    # Measured only where a command brings much: a state grows by little more than its commands.
    elif not _is_always_possible(command) and _may_be_large(person):
        absorbing = max_state_bytes * 15 // 8
        most = absorbing if isinstance(command.data, AbsorbPerson) else max_state_bytes
        size = len(dump_state(person))
        if size > most and not _was_too_large(before, size, most, absorbing):
            raise Refused("component_limit", field="data", rule=f"a person holds at most {most} bytes")


def _was_too_large(before: Person, size: int, most: int, absorbing: int) -> bool:
    """Whether a state was above the limit already, and gets no larger, or by next to nothing and not beyond what may be absorbed."""
    held = len(dump_state(before))
    return held > most and size <= max(held, min(held + SMALL_GROWTH, absorbing))


def _check_target(command: Command, source: Person, max_state_bytes: int) -> None:
    assert isinstance(command.resolved, MergeTarget)
    target = command.resolved.person
    taken = take_over(command.id, target, source, command.now.date())
    if len(taken) > MAX_TAKEN_OVER:
        reason = "the target would take over more than can be stored at once"
        raise Refused("component_limit", reason, limit=MAX_TAKEN_OVER)
    if _may_be_large(source, target):
        # The first tells what was moved to where, which no state holds.
        size = len(dump_state(target)) + sum(len(encode_stored(one)) for one in taken[1:])
        if size > max_state_bytes:
            rule = f"with what it takes over the target holds at most {max_state_bytes} bytes"
            raise Refused("component_limit", field="target_person_id", rule=rule)


def _is_always_possible(command: Command) -> bool:
    """Whether a command adds next to nothing and serves the rights of the person, whatever its row weighs."""
    return command.type.startswith(f"{COMMAND_PREFIX}privacy.")


def _may_be_large(*persons: Person) -> bool:
    """Whether states together have so many parts that their number alone does not tell that they fit a row."""
    parts = sum(len(one.components) + len(one.attributes) for one in persons)
    return parts > FEW_PARTS or sum(len(links) for one in persons for links in _links(one)) > FEW_LINKS


def _links(person: Person) -> tuple[Sized, ...]:
    return (
        *(person.identities, person.locations, person.employments, person.agents, person.titles, person.quality),
        *(person.exports, person.holds, person.notifications, person.retired_components, person.absorbed),
    )
