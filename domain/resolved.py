"""Facts about another person that a decision needs. The handler looks them up before it decides; a client never sends them."""

from typing import Final

from domain.model import Frozen
from domain.person import Person
from domain.status import Status

MAX_REDIRECTS: Final = 16
"""Merges that are followed from one person to the next."""


class MergeTarget(Frozen):
    """The person that a merge leads to."""

    person: Person

    @property
    def is_fit(self) -> bool:
        """Whether a person may be merged into this one."""
        person = self.person
        return person.exists and person.status is Status.ACTIVE and person.erasure is None


class AbsorbSource(Frozen):
    """A merged person, and the id of the one at the end of its redirects."""

    person: Person
    redirect: str


Resolved = MergeTarget | AbsorbSource
