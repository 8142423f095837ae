"""How a neighbour answers one command on its state: a pure function from command and links to events.

A command that came before is answered with the same events. What was undone for a saga stays undone: the command that would do it, if
it comes after its undo, is rejected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from local.neighbours.catalogue import NEIGHBOURS, Neighbour, Verb
from local.neighbours.links import Links
from local.neighbours.messages import NeighbourCommand, NeighbourEvent, event_of, made_id

_Said = tuple[str, dict[str, Any]]


def answer(command: NeighbourCommand, links: Links, *, refuse: bool) -> list[NeighbourEvent]:
    """The events that a neighbour says on a command; `refuse` rejects it whatever it asks."""
    neighbour = NEIGHBOURS[command.domain]
    verb = neighbour.verbs.get(command.verb)
    if verb is None:
        said: list[_Said] = [_rejected(command, "unknown_verb")]
    elif refuse:
        said = [_rejected(command, "refused")]
    elif verb.effect == "add" and links.undone(str(command.data.get("saga_id", "")), command.person_id):
        said = [_rejected(command, "undone")]
    else:
        before = links.answers(command.id)
        if before:
            return before
        said = list(_said(command, neighbour, verb, links))
    return [event_of(command, kind, data, index) for index, (kind, data) in enumerate(said)]


def _said(command: NeighbourCommand, neighbour: Neighbour, verb: Verb, links: Links) -> Iterator[_Said]:
    data = _of_command(command)
    filled = neighbour.filled.get(verb.event, {})
    if verb.effect == "add":
        data = {**filled, **data}
        for member in neighbour.key:
            # The owner of a link names what the command leaves open.
            data.setdefault(member, made_id(command.id, member))
        yield verb.event, {**_dates(verb), **data}
    elif verb.effect == "remove":
        for link in _matching(data, links.of(command.person_id), neighbour.key):
            yield verb.event, {**_dates(verb), **filled, **link, **data}
    else:
        yield verb.event, data
    if verb.signal is not None and "saga_id" in data:
        yield verb.signal, data


def _of_command(command: NeighbourCommand) -> dict[str, Any]:
    return {**command.data, "person_id": command.person_id}


def _matching(
    wanted: Mapping[str, Any], links: Mapping[tuple[str, ...], Mapping[str, Any]], key: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Links that agree with every key member that the command names; if it names none, those that the saga made, else all."""
    named = [member for member in key if member in wanted]
    by_saga = not named and any(link.get("saga_id") == wanted.get("saga_id") for link in links.values())
    members = ["saga_id"] if by_saga else named
    return [
        {member: link[member] for member in key if member in link}
        for link in links.values()
        if all(link.get(member) == wanted[member] for member in members)
    ]


def _dates(verb: Verb) -> dict[str, str]:
    today = datetime.now(UTC).date().isoformat()
    if verb.event == "person_joined":
        return {"start_date": today}
    if verb.event == "person_left":
        return {"end_date": today}
    return {}


def _rejected(command: NeighbourCommand, reason: str) -> _Said:
    return "rejected", {
        **{member: value for member, value in command.data.items() if member.startswith("saga_")},
        "person_id": command.person_id,
        "command_id": command.id,
        "verb": command.verb,
        "reason": reason,
    }
