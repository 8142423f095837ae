"""What every component type says about itself: its name, its key and who protects its data."""

from abc import abstractmethod
from typing import ClassVar

from domain.model import Frozen
from domain.personal import Group


class ComponentData(Frozen):
    """Data of one component. `derived_fields` change through events of their own and are never sent."""

    type_name: ClassVar[str]
    group: ClassVar[Group]
    derived_fields: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def natural_key(self) -> tuple[str, ...]:
        """What makes two instances of the type the same. Unique within a person."""
