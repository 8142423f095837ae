"""What every component type says about itself: its name, its key, who protects its data and who may see it."""

from abc import abstractmethod
from typing import ClassVar, Literal

from domain.model import Frozen
from domain.personal import Group
from domain.standing import ConsentType

AccessClass = Literal["contact", "career", "public", "private", "commercial"]
"""What a role must be allowed to read, or to write, to get at the data of a type."""


class ComponentData(Frozen):
    """Data of one component. `derived_fields` change through events of their own and are never sent."""

    type_name: ClassVar[str]
    group: ClassVar[Group]
    access: ClassVar[AccessClass]
    single: ClassVar[bool] = False
    """Whether a person has at most one component of the type."""
    consent: ClassVar[ConsentType | None] = None
    """The consent without which nobody may hold a component of the type."""
    derived_fields: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def natural_key(self) -> tuple[str, ...]:
        """What makes two instances of the type the same. Unique within a person; empty when there is only one."""


class SingleComponent(ComponentData):
    """Data of a component of which a person has at most one."""

    single = True

    def natural_key(self) -> tuple[str, ...]:
        """Nothing tells two of them apart."""
        return ()
