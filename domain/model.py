"""Base of all frozen models, and the difference between a value that enters and a value that is read back.

Semantic rules run when a value enters; what is stored was checked then and is only given its shape again.
"""

from collections.abc import Mapping
from typing import Any, Final, Self

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
