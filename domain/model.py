"""Base of all frozen models, and the difference between a value that enters and a value that is read back.

Semantic rules run when a value enters; what is stored was checked then and is only given its shape again.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, ValidationInfo

STORED: Final[dict[str, Any]] = {"stored": True}
"""Validation context of everything read from the log or from a state: rules that may change are skipped."""


def is_stored(info: ValidationInfo) -> bool:
    """Whether the value being validated was stored before."""
    return info.context is STORED


class Frozen(BaseModel):
    """An immutable value. Fields it does not know are refused when it enters and ignored when it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def restore(cls, stored: Mapping[str, Any]) -> Self:
        """The value that was stored: shape only, no semantic rule."""
        restored: Self = cls.__pydantic_validator__.validate_python(stored, context=STORED, extra="ignore")
        return restored

    @classmethod
    def admit(cls, given: Mapping[str, Any]) -> Self:
        """The value that somebody sends: every rule holds, every field is known."""
        admitted: Self = cls.__pydantic_validator__.validate_python(given)
        return admitted

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """The value with other values in some fields. Nothing that was computed from the old fields is carried over."""
        assert not deep, "a frozen value is shared, never copied in depth"
        fields = type(self).__pydantic_fields__
        members = self.__dict__
        if len(members) > len(fields):
            members = {name: members[name] for name in fields}
        return self._of({**members} if update is None else {**members, **update})

    _default_members: ClassVar[dict[str, Any] | None] = None

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        known = cls.__dict__.get("_default_members")
        if known is None:
            known = {
                name: field.get_default(call_default_factory=True, validated_data={})
                for name, field in cls.__pydantic_fields__.items()
                if not field.is_required()
            }
            cls._default_members = known
        defaults: dict[str, Any] = known
        return defaults

    @classmethod
    def _of(cls, members: dict[str, Any]) -> Self:
        value = cls.__new__(cls)
        _set(value, "__dict__", members)
        _set(value, "__pydantic_fields_set__", _NO_FIELDS)
        _set(value, "__pydantic_extra__", None)
        _set(value, "__pydantic_private__", None)
        return value


_set: Final = object.__setattr__
_NO_FIELDS: Final[set[str]] = set()


def _construct(model: type[Frozen], /, _fields_set: set[str] | None = None, **values: Any) -> Frozen:
    """The value with these fields, by name and unchecked; all others have their defaults.

    Does what pydantic's own does for fields without aliases, without walking over all fields: states and events are made for every
    event that is folded.
    """
    return model._of({**model._defaults(), **values})


# Set from outside: the types of pydantic's plugin, which tell the fields of each model, know no override.
Frozen.model_construct = classmethod(_construct)  # type: ignore[assignment,method-assign]
