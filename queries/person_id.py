"""The person id as a field of requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from domain.ids import is_person_id


def _person_id(text: str) -> str:
    if not is_person_id(text):
        raise ValueError("must be a lower-case hyphenated UUID, neither nil nor max")
    return text


PersonId = Annotated[str, AfterValidator(_person_id)]
