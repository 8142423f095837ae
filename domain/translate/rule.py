"""What a translator is made of: how an event is read, whom it concerns, and the commands that it becomes."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from pydantic import JsonValue

from domain.envelope import COMMAND_PREFIX
from domain.foreign import ForeignEvent, OfPerson
from domain.links import Link

Facts = Mapping[str, JsonValue]
"""The facts of a refusal."""


class Wish(NamedTuple):
    """A command that is to be sent. `rule` names it among all commands of its event; `otherwise` is tried when a listed code refuses it."""

    rule: str
    path: str
    """The type of the command without its prefix."""
    data: Mapping[str, Any]
    otherwise: "Mapping[str, Callable[[Facts], Wish]]" = MappingProxyType({})

    @property
    def type(self) -> str:
        """The type of the command."""
        return COMMAND_PREFIX + self.path


class KnownPerson(NamedTuple):
    """What a translator may have to know of a person: links by id, and Git profiles by link."""

    identities: Mapping[str, tuple[str, str]] = MappingProxyType({})
    """Type and verification level by identity id."""
    locations: frozenset[tuple[str, str]] = frozenset()
    """Location id and type."""
    git_profiles: Mapping[str, str] = MappingProxyType({})
    """Component id by the key of the link."""


Whom = Literal["named", "named_or_nobody", "linked", "everybody"]
"""Whom an event concerns: the person that it names; the same, and nobody if it names none; the person that it names, else the one that
is linked; all that are linked, whoever is named."""


PersonData = type[OfPerson]


class InboundSpec(NamedTuple):
    """One event of a neighbour, and what becomes of it."""

    type: str
    model: PersonData
    whom: Whom
    wishes: Callable[[ForeignEvent, Any, KnownPerson], Sequence[Wish]]
    link: Callable[[Any], Link | None] = lambda _: None
    """What the event is about; events about the same keep their order."""
    needs_person: bool = False
    """Whether `wishes` looks at what is known of the person."""
    ordered: bool = True
    """Whether it matters which of two events about the same comes first."""


def when(codes: Sequence[str], wish: Wish) -> Mapping[str, Callable[[Facts], Wish]]:
    """The same fallback on each of some codes."""
    return {code: lambda _: wish for code in codes}


NOT_IN_ONBOARDING: Final = ("onboarding_not_active", "onboarding_wrong_step")
"""Refusals of an onboarding command by a person that does not wait for it."""
