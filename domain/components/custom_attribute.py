"""Component type CustomAttribute: whatever no other type has a place for."""

from domain.components.base import ComponentData
from domain.values.rules import Json, NotBlank, Slug, fold


class CustomAttributeComponent(ComponentData):
    """A named JSON value of a type that its users agree on."""

    type_name = "CustomAttribute"
    group = "profile"
    access = "private"

    type: Slug
    name: NotBlank
    value: Json

    def natural_key(self) -> tuple[str, ...]:
        """Type and name."""
        return (fold(self.type), fold(self.name))
