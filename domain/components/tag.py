"""Component type Tag: a label on the person."""

from typing import Annotated, Final

from domain.components.base import ComponentData
from domain.values.rules import NotBlank, broken, fold, on_entry

MAX_LABEL: Final = 64


def _label(text: str) -> str:
    if len(text) > MAX_LABEL:
        raise broken("label_length")
    return text


class TagComponent(ComponentData):
    """A label, within a scope when one is given."""

    type_name = "Tag"
    group = "profile"
    access = "public"

    label: Annotated[NotBlank, on_entry(_label, maxLength=MAX_LABEL)]
    color: str | None = None
    scope: str | None = None

    def natural_key(self) -> tuple[str, ...]:
        """Scope and label."""
        return (fold(self.scope or ""), fold(self.label))
