"""What clients ask: commands of the whole catalogue aimed at what a person has, and what goes wrong with them on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from hypothesis import strategies as st

from domain.command_data.base import SAGAS
from domain.commands import COMMANDS
from domain.envelope import COMMAND_PREFIX, actor_kind
from domain.ids import derive
from domain.person import Person
from domain.times import format_instant
from tests.domain.generate_documents import command_document
from tests.domain.generate_histories import SPECS, aimed_at, likely_names
from tests.domain.specification import ACTORS, ADA, GRACE, envelope, uuid

OF_TWO_PERSONS = frozenset({"MergePersons", "AbsorbPerson"})
"""Commands whose decision rests on another person: only at a quiet moment does the model know what that one is then."""

PLACEHOLDERS = (ADA, GRACE, uuid("person 2"))
"""The persons that generated documents name."""

OWN_TIMES = ("2025-11-30T23:59:59Z", "2026-01-05T10:00:00.250000Z", "2026-03-01T00:00:00Z")


class Asked(NamedTuple):
    """A message to the command stream."""

    subject: str
    raw: bytes


class Wire(NamedTuple):
    """A message before it becomes bytes."""

    subject: str
    document: dict[str, Any]


@st.composite
def commands(
    draw: st.DrawFn,
    person: Person,
    others: Sequence[str],
    command_id: str,
    *,
    names: st.SearchStrategy[str] | None = None,
    alone: bool = True,
) -> Asked:
    """The next command for a person, mostly acceptable. `alone`: nothing that rests on another person."""
    name = draw(names if names is not None else _names(person))
    data = aimed_at(draw, name, draw(command_document(SPECS[name].model)), person)
    chosen = [person.person_id, *(draw(st.sampled_from(others)) for _ in PLACEHOLDERS[1:])]
    if alone and name in OF_TWO_PERSONS:
        chosen[1:] = [derive(person.person_id, "absent")] * 2
    data = replaced(data, dict(zip(PLACEHOLDERS, chosen, strict=True)))
    actor = ACTORS.get(name) or draw(st.sampled_from(["user:u-1", "user:u-1", "hr:h-1", "policy:p@1", "import:i-1"]))
    has_own_time = actor_kind(actor) in ("policy", "import", "saga") and draw(st.booleans())
    document = envelope(
        name,
        data,
        id=command_id,
        subject=person.person_id,
        actor=actor,
        time=draw(st.sampled_from(OWN_TIMES)) if has_own_time else format_instant(datetime.now(UTC)),
    )
    wire = Wire(document["type"], document)
    if draw(st.integers(0, 3)) == 0:
        change = draw(st.sampled_from(sorted(CHANGES)))
        wire = CHANGES[change](draw, wire, person)
    return Asked(wire.subject, orjson.dumps(wire.document))


def creation(name: dict[str, Any], command_id: str, person_id: str | None, *, onboarding: bool) -> Asked:
    """The first command of a person; without an id of its own the person gets one from the command."""
    attributes: dict[str, Any] = {"id": command_id, "time": format_instant(datetime.now(UTC))}
    document = envelope("CreatePerson", {"name": name, "source": "test", "onboarding": onboarding}, **attributes)
    document["subject"] = person_id
    return Asked(document["type"], orjson.dumps(document))


def merge(source: str, target: str, command_id: str) -> Asked:
    """A person is merged into another one."""
    return _asked("MergePersons", source, command_id, target_person_id=target, merge_reason="DuplicateIdentity")


def absorb(person: str, source: str, source_version: int, command_id: str) -> Asked:
    """A person takes over what a merged one had."""
    return _asked("AbsorbPerson", person, command_id, source_person_id=source, source_version=source_version)


def with_other_content(asked: Asked) -> Asked:
    """A message that uses the id of another one for something else."""
    document = orjson.loads(asked.raw)
    return Asked(asked.subject, orjson.dumps({**document, "source": "/clients/other"}))


def nobody(person_id: str) -> str:
    """An id that no person has; each person has another one, so that no two touch it."""
    return derive(person_id, "nobody")


def replaced(value: Any, by: Mapping[str, str]) -> Any:
    """A document in which some texts are others."""
    if isinstance(value, dict):
        return {name: replaced(member, by) for name, member in value.items()}
    if isinstance(value, list):
        return [replaced(member, by) for member in value]
    return by.get(value, value) if isinstance(value, str) else value


def _asked(name: str, person_id: str, command_id: str, **data: Any) -> Asked:
    attributes = {"id": command_id, "subject": person_id, "time": format_instant(datetime.now(UTC))}
    document = envelope(name, data, **attributes)
    return Asked(document["type"], orjson.dumps(document))


def _names(person: Person) -> st.SearchStrategy[str]:
    """What may follow; persons seldom end, and what ends an onboarding comes seldom too."""
    return st.integers(0, 9).flatmap(
        lambda number: st.sampled_from(sorted(SPECS)) if number == 0 else likely_names(person)
    )


Change = Callable[[st.DrawFn, Wire, Person], Wire]


def _attributes(**attributes: Any) -> Change:
    def change(_: st.DrawFn, wire: Wire, person: Person) -> Wire:
        given = {name: value(person) if callable(value) else value for name, value in attributes.items()}
        return Wire(wire.subject, {**wire.document, **given})

    return change


def _without(*names: str) -> Change:
    def change(_: st.DrawFn, wire: Wire, __: Person) -> Wire:
        return Wire(wire.subject, {name: value for name, value in wire.document.items() if name not in names})

    return change


def _data(draw: st.DrawFn, wire: Wire, _: Person) -> Wire:
    """A member of the payload is missing, of another type, or one too many."""
    data = {**wire.document["data"]}
    member = draw(st.sampled_from([*sorted(data), "surprise"]))
    wrong: Any = draw(st.sampled_from([None, True, -1, "", "x" * 300, [], {}, {"a": 1}, 1e300]))
    data[member] = wrong
    if draw(st.booleans()):
        del data[member]
    return Wire(wire.subject, {**wire.document, "data": data})


def _context(draw: st.DrawFn, wire: Wire, _: Person) -> Wire:
    context = draw(st.sampled_from([{"channel": "web"}, {"x_n": 7, "tenant": "t"}, {"unknown": 1}, "text", None]))
    return Wire(wire.subject, {**wire.document, "data": {**wire.document["data"], "context": context}})


def _of_another_subject(draw: st.DrawFn, wire: Wire, _: Person) -> Wire:
    return Wire(draw(st.sampled_from(sorted(COMMANDS))), wire.document)


def _of_no_type(_: st.DrawFn, wire: Wire, __: Person) -> Wire:
    unknown = f"{COMMAND_PREFIX}nonsense"
    return Wire(unknown, {**wire.document, "type": unknown})


def _another_actor(draw: st.DrawFn, wire: Wire, _: Person) -> Wire:
    kind = min(SAGAS)
    actor = draw(st.sampled_from(["user:u-2", f"{kind}:s-2", "job:j-1", "policy:p", "nobody:1", "user:", 7]))
    return Wire(wire.subject, {**wire.document, "actor": actor})


def _skewed(draw: st.DrawFn, wire: Wire, _: Person) -> Wire:
    at = datetime.now(UTC) + timedelta(hours=draw(st.sampled_from([-24, -1, 1])))
    return Wire(wire.subject, {**wire.document, "time": format_instant(at)})


CHANGES: Mapping[str, Change] = {
    "expects the version": _attributes(expectedversion=lambda person: person.version),
    "expects an old version": _attributes(expectedversion=lambda person: max(0, person.version - 1)),
    "expects a later version": _attributes(expectedversion=lambda person: person.version + 3),
    "expects no number": _attributes(expectedversion="1"),
    "a payload out of shape": _data,
    "a payload that is none": _attributes(data=[1]),
    "a context": _context,
    "another subject": _of_another_subject,
    "an unknown type": _of_no_type,
    "another actor": _another_actor,
    "a skewed clock": _skewed,
    "a broken time": _attributes(time="2026-01-05 10:00"),
    "caused by another message": _attributes(correlationid=uuid("root"), causationid=uuid("cause"), causationdepth=2),
    "a chain that is too long": _attributes(correlationid=uuid("root"), causationid=uuid("cause"), causationdepth=9),
    "a cause without a root": _attributes(correlationid=uuid("root")),
    "a trace": _attributes(traceparent=f"00-{'a' * 32}-{'b' * 16}-01", tracestate="x=1"),
    "a broken trace": _attributes(traceparent="00-x"),
    "another version of the payload": _attributes(dataversion=2),
    "no version of CloudEvents": _without("specversion"),
    "an unknown attribute": _attributes(priority="high"),
    "no person": _without("subject"),
    "a person that is no id": _attributes(subject="somebody"),
    "a person that does not exist": _attributes(subject=lambda person: nobody(person.person_id)),
    "no id": _without("id"),
}
