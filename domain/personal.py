"""Personal data: the groups it is protected in, and what a protected field reads as once its key is gone."""

from typing import Annotated, Final, Literal, NamedTuple, TypeVar

from pydantic import Field

from domain.model import Frozen

Group = Literal["identity", "contact", "profile", "health", "behaviour"]


class Redacted(Frozen):
    """Stands in for a value whose key was destroyed."""

    group: Group = Field(alias="$redacted")


class Personal(NamedTuple):
    """Field metadata: the field is personal data; without a group, that of the component type applies."""

    group: Group | None


T = TypeVar("T")

# Redacted comes first: its one required key makes the attempt fail at once for every other value, while a
# value model whose fields all have defaults would accept a redacted mark.
_EITHER: Final = Field(union_mode="left_to_right")

OfIdentity = Annotated[Redacted | T, _EITHER, Personal("identity")]
OfProfile = Annotated[Redacted | T, _EITHER, Personal("profile")]
OfComponent = Annotated[Redacted | T, _EITHER, Personal(None)]
