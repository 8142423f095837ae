"""The answer to stored bytes that cannot become an event. Causes are those of dead letters."""

from typing import Literal

Cause = Literal["undecodable", "unknown_type", "unknown_version", "no_upcast_path", "subject_mismatch"]


class Undecodable(Exception):  # noqa: N818 - named as what happened
    """A stored event cannot be read. The reason names fields and rules, never values."""

    def __init__(self, cause: Cause, reason: str) -> None:
        super().__init__(f"{cause}: {reason}")
        self.cause: Cause = cause
        self.reason = reason
