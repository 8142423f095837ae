"""How one field is filled from a row of a CSV file: from a column, from an item of a list, or always the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Row = Mapping[str, str]
_TRUE: Final = frozenset({"true", "yes", "y", "1"})
_FALSE: Final = frozenset({"false", "no", "n", "0"})


class UnreadableCellError(Exception):
    """A cell does not say what its field needs. Holds the rule and the column, never the text."""

    def __init__(self, rule: str, column: str | None) -> None:
        super().__init__(rule)
        self.rule = rule
        self.column = column


class Cell(BaseModel):
    """How one field is filled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str | None = None
    item: Literal[True] | None = None
    """The item of the list that the component is made for."""
    constant: Any = None
    separator: str | None = Field(None, min_length=1)
    """Splits the cell into the items of a list."""
    values: dict[str, Any] | None = None
    """What the texts of the cell stand for; any other text is refused."""
    date_format: str | None = None
    """How days are written, as in ``%d.%m.%Y``; ISO days need none."""
    is_a: Literal["text", "integer", "number", "boolean"] = Field("text", alias="as")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(given is not None for given in (self.column, self.item, self.constant)) != 1:
            raise PydanticCustomError("origin", "give one of column, item and constant")
        return self

    def read(self, row: Row, item: str | None = None) -> Any:
        """The value for the field, None when the cell is blank. Raises UnreadableCellError."""
        if self.constant is not None:
            return self.constant
        text = (item or "") if self.column is None else row[self.column].strip()
        if self.separator is None:
            return self._converted(text) if text else None
        return [self._converted(part) for part in self.parts(row)] or None

    def parts(self, row: Row) -> list[str]:
        """The items of the cell, blank ones left out."""
        text = row[self.column] if self.column is not None else ""
        return [part.strip() for part in text.split(self.separator) if part.strip()]

    def _converted(self, text: str) -> Any:
        if self.values is not None:
            if text not in self.values:
                raise UnreadableCellError("not_in_values", self.column)
            return self.values[text]
        try:
            if self.date_format is not None:
                return datetime.strptime(text, self.date_format).date().isoformat()
            return _TYPES[self.is_a](text)
        except ValueError:
            raise UnreadableCellError("date_format" if self.date_format else self.is_a, self.column) from None


def _boolean(text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise ValueError(text)
    return text.lower() in _TRUE


_TYPES: Final[Mapping[str, Callable[[str], Any]]] = {"text": str, "integer": int, "number": float, "boolean": _boolean}
