"""What translators ask about persons of any partition; whoever answers asks the owners of partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bridge.errors import BridgeError
from domain.links import Link
from domain.translate.rule import KnownPerson


class PersonsUnreachableError(BridgeError):
    """Not every partition that was asked has answered: nothing can be said yet."""


class FindPersons(Protocol):
    """Answers hold what every partition knows; each method raises PersonsUnreachableError when one is silent."""

    async def linked(self, link: Link, *, level: bool) -> Sequence[str]:
        """Who is linked, by person id; merged persons are replaced. With `level`, everything that is committed counts."""
        ...

    async def target_of(self, person_id: str) -> str:
        """The person itself, or whom it was merged into in the end."""
        ...

    async def known(self, person_id: str, position: Mapping[str, int] | None) -> KnownPerson:
        """The links of a person, with everything up to a position of its partition."""
        ...
