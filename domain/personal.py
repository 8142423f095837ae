"""Personal data: the groups it is protected in, and what a protected field reads as once its key is gone."""

from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar

from pydantic import Field, GetJsonSchemaHandler

from domain.model import Frozen

Group = Literal["identity", "contact", "profile", "health", "behaviour"]


class Redacted(Frozen):
    """Stands in for a value whose key was destroyed."""

    group: Group = Field(alias="$redacted")


class Personal(NamedTuple):
    """Field metadata: the field is personal data; without a group, that of the component or attribute type applies."""

    group: Group | None

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema of the field, marked with its group."""
        return {**handler(schema), "x-personal": self.group or BY_TYPE}


BY_TYPE: Final = "as its type"
"""The mark of a field whose group is that of its component or attribute type."""

T = TypeVar("T")

# Redacted comes first: its one required key makes the attempt fail at once for every other value, while a
# value model whose fields all have defaults would accept a redacted mark.
_EITHER: Final = Field(union_mode="left_to_right")

OfIdentity = Annotated[Redacted | T, _EITHER, Personal("identity")]
OfContact = Annotated[Redacted | T, _EITHER, Personal("contact")]
OfProfile = Annotated[Redacted | T, _EITHER, Personal("profile")]
OfItsType = Annotated[Redacted | T, _EITHER, Personal(None)]
