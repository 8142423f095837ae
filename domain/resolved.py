"""Facts about another person that a decision needs. The handler looks them up before it decides; a client never sends them."""

from typing import Final, Literal

from domain.model import Frozen
from domain.person import Person
from domain.standing import ErasurePending
from domain.status import Status

MAX_REDIRECTS: Final = 16
"""Merges that are followed from one person to the next."""


class MergeTarget(Frozen):
    """What a merge has to know of the person that it leads to."""

    exists: bool
    status: Status
    erasure: ErasurePending | Literal["Erased"] | None = None

    @classmethod
    def of(cls, person: Person) -> "MergeTarget":
        """The facts about a person."""
        return cls.model_construct(exists=person.exists, status=person.status, erasure=person.erasure)

    @property
    def is_fit(self) -> bool:
        """Whether a person may be merged into this one."""
        return self.exists and self.status is Status.ACTIVE and self.erasure is None


class AbsorbSource(Frozen):
    """A merged person, and the id of the one at the end of its redirects."""

    person: Person
    redirect: str


Resolved = MergeTarget | AbsorbSource
