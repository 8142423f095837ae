"""The headers of a dead letter. Its data are the original bytes of a message that could not be handled."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DeadLetterHeaders(BaseModel):
    """Headers of a dead letter: codes, coordinates and field names, never personal data."""

    model_config = ConfigDict(extra="allow")

    consumer: str = Field(alias="Dead-Letter-Consumer")
    cause: str = Field(alias="Dead-Letter-Cause")
    reason: str = Field(alias="Dead-Letter-Reason")
    source: str = Field(alias="Dead-Letter-Source")
    sequence: str = Field(alias="Dead-Letter-Sequence", pattern=r"^-?[0-9]+$")
    subject: str = Field(alias="Dead-Letter-Subject")
    attempts: str = Field(alias="Dead-Letter-Attempts", pattern=r"^[0-9]+$")
    data: Literal["whole", "omitted"] = Field(alias="Dead-Letter-Data")
    expected: str = Field(alias="Nats-Expected-Last-Subject-Sequence")
