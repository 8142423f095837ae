"""The sections of the reference that list what neighbours say and what they are asked, made from the catalogues of translators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from domain.commands import COMMANDS
from domain.foreign import read_foreign_event
from domain.ids import UUID_PATTERN
from domain.times import parse_instant
from domain.translate.catalogue import IGNORED, INBOUND, ForPersons, translated
from domain.translate.outbound import NEIGHBOURS, OUTBOUND, OutboundSpec
from domain.translate.rule import InboundSpec, KnownPerson, Whom, Wish
from domain.translate.signals import ANSWERS
from ops.contracts import paths
from ops.contracts.examples.foreign import PROFILE, SAID, asked, said
from ops.contracts.json_schema import Schema
from ops.contracts.neighbour_envelopes import neighbour_documents
from tests.docs.schema_words import rule_of
from tests.domain.translate.reading import message

WHOM: Final[Mapping[Whom, str]] = {
    "named": "the person that it names",
    "named_or_nobody": "the person that it names; one that names nobody is ignored",
    "linked": "the person that it names, else the one that is linked",
    "everybody": "everybody who is linked",
}
KNOWN: Final = KnownPerson(
    identities={"idp-81": ("account", "Email")},
    locations=frozenset({("loc-12", "Residence")}),
    git_profiles={"git:GitHub/ada": PROFILE},
)
PATTERNS: Final[Mapping[str, str]] = {
    UUID_PATTERN.replace("a-f", "a-fA-F"): "a UUID",
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}": "a day, or a moment of it",
}
OF_ALL: Final = ("person_id", "saga_id", "saga_person_id", "saga_step")


def foreign_events() -> str:
    """Every event that becomes commands, by domain."""
    return "\n\n".join(_event(spec) for spec in INBOUND.values())


def ignored_events() -> str:
    """Events that are known and have no use."""
    return ", ".join(f"`{event_type}`" for event_type in sorted(IGNORED))


def answers_to_sagas() -> str:
    """Events that become signals."""
    return ", ".join(f"`<domain>.{answer}`" for answer in ANSWERS)


def foreign_commands() -> str:
    """Every command to a neighbour, by domain."""
    parts = []
    for domain in NEIGHBOURS:
        rows = [_command(spec) for spec in OUTBOUND.values() if spec.domain == domain]
        parts.append(f"### To {domain}\n\n{_table(('Command', 'Means', 'Data'), rows)}")
    return "\n\n".join(parts)


def _event(spec: InboundSpec) -> str:
    text = " ".join((spec.model.__doc__ or "").split())
    data = _documents()[paths.foreign_event(spec.type)]["properties"]["data"]
    becomes = "\n".join(f"{number}. {words}" for number, words in enumerate(_becomes(spec), 1))
    schema = f"[Schema](../../contracts/schemas/{paths.foreign_event(spec.type)})"
    return "\n\n".join(
        (
            f"### {spec.type}",
            f"{text} Concerns {WHOM[spec.whom]}. {schema}.",
            _fields(data),
            f"Becomes, in this order:\n\n{becomes}",
        )
    )


def _becomes(spec: InboundSpec) -> Iterator[str]:
    found: dict[str, None] = {}
    for data in _variants(spec):
        raw = message(spec.type, data, id=said(spec.type)["id"])
        stored_at = parse_instant("2025-04-01T09:30:00Z")
        event = read_foreign_event(raw, subject=f"{spec.type.partition('.')[0]}.events.x", stored_at=stored_at)
        becomes = translated(event)
        assert isinstance(becomes, ForPersons)
        found |= dict.fromkeys(map(_chain, becomes.wishes(KNOWN)))
    yield from found


def _variants(spec: InboundSpec) -> Iterator[Mapping[str, Any]]:
    """The example, and where a word decides which command an event becomes, the example with the other one."""
    yield SAID[spec.type]
    if spec.type == "location.address_validated":
        yield {**SAID[spec.type], "status": "Valid"}


def _chain(wish: Wish) -> str:
    name = COMMANDS[wish.type].name
    words = f"[{name}](commands.md#{name.lower()})"
    codes_by_next: dict[str, list[str]] = {}
    for code, step in wish.otherwise.items():
        codes_by_next.setdefault(_chain(step({"component_id": PROFILE})), []).append(code)
    for following, codes in codes_by_next.items():
        words += f"; on {' or '.join(f'`{code}`' for code in codes)}: {following}"
    return words


def _command(spec: OutboundSpec) -> tuple[str, str, str]:
    schema = _documents()[paths.foreign_command(spec)]
    data = schema["properties"]["data"]
    required = set(data.get("required", ()))
    own = [name for name in data["properties"] if name not in OF_ALL]
    fields = ", ".join(f"`{name}`" if name in required else f"`{name}`?" for name in own)
    assert set(asked(spec)["data"]) >= required
    link = f"[`{spec.type}`](../../contracts/schemas/{paths.foreign_command(spec)})"
    return link, str(schema["description"]), fields


def _fields(schema: Schema) -> str:
    required = set(schema.get("required", ()))
    rows = (
        (f"`{name}`", "yes" if name in required else "no", _rule(part, schema.get("$defs")))
        for name, part in schema["properties"].items()
    )
    return _table(("Field", "Needed", "Rule"), rows)


def _rule(part: Schema, defs: Mapping[str, Any] | None) -> str:
    words = rule_of(part, defs)
    for pattern, meaning in PATTERNS.items():
        words = words.replace(f"a text like `{pattern}`", meaning)
    words = words.replace("[Language](values.md#language)", "`{name, lines?, percentage?}`")
    return words


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


_documents = cache(neighbour_documents)


NEIGHBOUR_SECTIONS: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {
    "foreign events": ("neighbours.md", foreign_events),
    "ignored events": ("neighbours.md", ignored_events),
    "answers to sagas": ("neighbours.md", answers_to_sagas),
    "foreign commands": ("neighbours.md", foreign_commands),
}
"""Name of a section to its page and the function that makes it."""
