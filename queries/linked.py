"""Who is linked with what another domain owns, and what translators have to know of a person: asked of the owners of partitions.

Guarantee: what a translator is told holds what every partition knows, or it is told nothing; merged persons are replaced by whom they were
merged into."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from agents.finding_persons import PersonsUnreachableError
from domain.components.git_profile import GitProfileComponent
from domain.links import Link, LinkKind, git_link
from domain.person import Person
from domain.translate.rule import KnownPerson
from queries.endpoint import Ask, Read
from queries.frame import Position, Query, QueryError
from queries.index.links import linked
from queries.indexed import ask_index
from queries.redirects import MAX_HOPS
from queries.tables_of_worker import WorkerTables

TIMEOUT_MS = 5000


class LinkedWith(Query):
    """Who is linked with something."""

    kind: LinkKind
    foreign_id: str
    level: bool = False
    """Wait until the index has everything that the tables have now."""


class WhoIs(Query):
    """What is known of some persons of one partition."""

    person_ids: tuple[str, ...]
    with_links: bool = False


class Linked(NamedTuple):
    """Who is linked, by person id, how far the answer goes, and the partitions that are missing in it."""

    person_ids: Sequence[str]
    positions: Sequence[dict[str, int]]
    silent: Sequence[int]
    absorbed: bool
    """Whether links of merged persons were left out, since others have them now."""


async def persons_linked(ask: Ask, request: LinkedWith) -> Linked:
    """Who is linked; until somebody has absorbed a merged person, whom it was merged into holds its links. Raises QueryError."""
    found = await _persons_linked(ask, request)
    if found.absorbed and request.level:
        # Who has absorbed somebody may have got the link behind the first answer.
        found = await _persons_linked(ask, request)
    return found


async def _persons_linked(ask: Ask, request: LinkedWith) -> Linked:
    gathered = await ask.reachable(LINKED, request)
    redirects: dict[str, str | None] = {
        person_id: redirect_to for one in gathered.found for person_id, redirect_to in one.data
    }
    chains = await _chains_from(ask, {target for target in redirects.values() if target is not None})
    holders = {person_id: _holder(person_id, redirect_to, chains) for person_id, redirect_to in redirects.items()}
    return Linked(
        sorted({holder for holder in holders.values() if holder is not None}),
        [one.position for one in gathered.found],
        gathered.silent,
        any(holder is None for holder in holders.values()),
    )


class Whereabouts(NamedTuple):
    """Whom a person was merged into, and whose links it has taken over."""

    redirect_to: str | None
    absorbed: Collection[str]


NOWHERE = Whereabouts(None, ())
Chains = Mapping[str, Whereabouts]


def _holder(person_id: str, redirect_to: str | None, chains: Chains) -> str | None:
    """Who holds the link of a person now; None where somebody in its chain has links of his own instead."""
    holder = person_id
    for _ in range(MAX_HOPS):
        if redirect_to is None:
            break
        holder = redirect_to
        redirect_to, absorbed = chains.get(holder, NOWHERE)
        if person_id in absorbed:
            return None
    return holder


async def _chains_from(ask: Ask, person_ids: Collection[str]) -> Chains:
    """The persons and those behind them in their chains of merges. Raises QueryError."""
    chains: dict[str, Whereabouts] = {}
    waiting = set(person_ids)
    for _ in range(MAX_HOPS):
        if not waiting:
            break
        told = await _who_are(ask, waiting)
        chains |= {person_id: Whereabouts(one["redirect_to"], one["absorbed"]) for person_id, one in told.items()}
        waiting = {one["redirect_to"] for one in told.values() if one["redirect_to"] is not None} - chains.keys()
    return chains


async def _who_are(ask: Ask, person_ids: Collection[str]) -> dict[str, Any]:
    by_partition: dict[int, list[str]] = {}
    for person_id in sorted(person_ids):
        by_partition.setdefault(ask.partition_of(person_id), []).append(person_id)
    answers = await asyncio.gather(
        *(
            ask.one(WHO_IS, partition, WhoIs(person_ids=tuple(same), timeout_ms=TIMEOUT_MS))
            for partition, same in by_partition.items()
        )
    )
    return {person_id: told for answer in answers for person_id, told in answer.data.items()}


class LinkedPersons:
    """What translators ask; each question has its own time. `asking` begins a question that may take some seconds."""

    def __init__(self, asking: Callable[[float], Ask]) -> None:
        self._asking = asking

    async def linked(self, link: Link, *, level: bool) -> Sequence[str]:
        """Who is linked, merged persons replaced. With `level`, what is committed counts although it is not indexed yet.

        Raises PersonsUnreachableError.
        """
        request = LinkedWith(kind=link.kind, foreign_id=link.foreign_id, level=level, timeout_ms=TIMEOUT_MS)
        try:
            found = await persons_linked(self._asking(TIMEOUT_MS / 1000), request)
        except QueryError as error:
            raise PersonsUnreachableError(error.reason) from error
        if found.silent:
            raise PersonsUnreachableError(f"partitions {list(found.silent)} do not answer now")
        return found.person_ids

    async def target_of(self, person_id: str) -> str:
        """The person itself, or whom it was merged into in the end. Raises PersonsUnreachableError."""
        try:
            chains = await _chains_from(self._asking(TIMEOUT_MS / 1000), [person_id])
        except QueryError as error:
            raise PersonsUnreachableError(error.reason) from error
        for _ in range(MAX_HOPS):
            redirect_to = chains.get(person_id, NOWHERE).redirect_to
            if redirect_to is None:
                break
            person_id = redirect_to
        return person_id

    async def known(self, person_id: str, position: Mapping[str, int] | None) -> KnownPerson:
        """The links of a person, with everything up to a position of its partition. Raises PersonsUnreachableError."""
        ask = self._asking(TIMEOUT_MS / 1000)
        request = WhoIs(
            person_ids=(person_id,),
            with_links=True,
            min_position=None if position is None else Position(**position),
            timeout_ms=TIMEOUT_MS,
        )
        try:
            told = (await ask.one(WHO_IS, ask.partition_of(person_id), request)).data[person_id]
        except QueryError as error:
            raise PersonsUnreachableError(error.reason) from error
        return KnownPerson(
            identities={identity_id: (kind, level) for identity_id, kind, level in told["identities"]},
            locations=frozenset((location_id, kind) for location_id, kind in told["locations"]),
            git_profiles=dict(told["git_profiles"]),
        )


async def _linked(tables: WorkerTables, partition: int, query: LinkedWith) -> Any:
    if query.level and tables.index is not None:
        applied = tables.positions.applied(partition)
        if not await tables.index.reached(partition, applied, query.timeout_ms / 1000):
            raise QueryError("unavailable", "the index is behind its tables", partition=partition)
    return await ask_index(tables, partition, *linked(Link(query.kind, query.foreign_id)))


async def _who_is(tables: WorkerTables, partition: int, query: WhoIs) -> Any:
    persons = {person_id: tables.persons.read(partition, person_id).person for person_id in query.person_ids}
    return {
        person_id: {
            "redirect_to": person.merged_into,
            "absorbed": [*person.absorbed],
            **(_links_of(person) if query.with_links else {}),
        }
        for person_id, person in persons.items()
    }


def _links_of(person: Person) -> dict[str, Any]:
    return {
        "identities": [
            (identity_id, identity.identity_type, identity.verification_level)
            for identity_id, identity in person.identities.items()
        ],
        "locations": [(location.location_id, location.location_type) for location in person.locations.values()],
        "git_profiles": {
            str(git_link(component.data.provider, component.data.username)): component_id
            for component_id, component in person.components.items()
            if isinstance(component.data, GitProfileComponent)
        },
    }


LINKED = Read("linked_persons", LinkedWith, _linked, indexed=True)
WHO_IS = Read("who_is", WhoIs, _who_is)
