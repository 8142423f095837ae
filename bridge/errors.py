"""Errors of the bridge: what an operator must do is part of each message."""


class BridgeError(Exception):
    """A stream, consumer or append could not be used as configured."""


class StreamMismatchError(BridgeError):
    """A stream exists with another configuration."""


class AppendRefusedError(BridgeError):
    """The server refused a batch; nothing of it was stored. `code` is the JetStream error code."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"JetStream refused the batch: {description} ({code})")
        self.code = code


class UnmappableError(BridgeError):
    """A message that can never be carried as its route says; `cause` and `reason` go to the dead letters and hold no payload."""

    def __init__(self, cause: str, reason: str) -> None:
        super().__init__(f"{cause}: {reason}")
        self.cause = cause
        self.reason = reason


class FencedError(BridgeError):
    """Another owner has claimed the partition of a route: nothing that this one appends is ever stored."""
