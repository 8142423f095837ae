"""All events of neighbours that are read, what an event of each type becomes, and by what it is routed.

Guarantee: an event has one of four fates, decided by its bytes alone: commands for persons, a signal for a saga, ignored, or Undecodable."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from domain.foreign import ForeignEvent, OfPerson, foreign_document
from domain.ids import NS, derive, is_person_id
from domain.links import Link
from domain.translate import agent, git, identity, location, organization
from domain.translate.rule import InboundSpec, KnownPerson, Wish
from domain.translate.signals import SIGNALS, Signal, signal_of
from domain.undecodable import Undecodable

_DOMAINS: Final = (identity, organization, location, git, agent)
INBOUND: Final[Mapping[str, InboundSpec]] = MappingProxyType(
    {spec.type: spec for domain in _DOMAINS for spec in domain.INBOUND}
)
"""Events that become commands, by type."""
IGNORED: Final[frozenset[str]] = frozenset().union(*(domain.IGNORED for domain in _DOMAINS))
"""Events that this domain knows and has no use for."""

Ignored = Literal["listed", "unknown", "nobody"]
"""Why an event becomes nothing: it is listed so, its type is not in the catalogue, or it concerns nobody here."""

_FOREIGN_IDS: Final = {
    "identity": ("identity_id", "from"),
    "organization": ("organization_id",),
    "location": ("location_id", "from"),
    "git": ("username", "author", "author_username"),
    "agent": ("agent_id",),
}


class ForPersons(NamedTuple):
    """An event that becomes commands: for the person that it names, or for those that are linked."""

    spec: InboundSpec
    event: ForeignEvent
    data: OfPerson

    @property
    def person_id(self) -> str | None:
        """The person that counts, if it is named."""
        return None if self.spec.whom == "everybody" else self.data.person_id

    @property
    def link(self) -> Link | None:
        """By what the persons are found that are not named."""
        return self.spec.link(self.data) if self.spec.whom in ("linked", "everybody") else None

    def wishes(self, known: KnownPerson) -> tuple[Wish, ...]:
        """The commands for one person, in order."""
        return tuple(self.spec.wishes(self.event, self.data, known))


def translated(event: ForeignEvent) -> ForPersons | Signal | Ignored:
    """What becomes of an event. Raises Undecodable for data that breaks a rule."""
    if event.type in SIGNALS:
        return signal_of(event) or "nobody"
    spec = INBOUND.get(event.type)
    if spec is None:
        return "listed" if event.type in IGNORED else "unknown"
    data = spec.model.read(event)
    if data.person_id is None and spec.whom == "named_or_nobody":
        return "nobody"
    return ForPersons(spec, event, data)


def routing_key(raw: bytes, *, subject: str) -> str:
    """By what a message is routed: the person that it names, else an id that stands for what it is about, else for the message.

    Raises Undecodable for what is no event.
    """
    document = foreign_document(raw)
    data: Any = document.get("data")
    if not isinstance(data, dict):
        data = {}
    for name in ("saga_person_id", "person_id"):
        value = data.get(name)
        if isinstance(value, str) and is_person_id(value.lower()):
            return value.lower()
    domain = subject.partition(".")[0]
    for name in (*_FOREIGN_IDS.get(domain, ()), "id"):
        value = data.get(name) if name != "id" else document.get("id")
        if isinstance(value, str) and value.strip():
            # A key is never personal data, which the name of an account is.
            return derive(NS, f"foreign:{domain}:{value}")
    raise Undecodable("undecodable", "id: missing")
