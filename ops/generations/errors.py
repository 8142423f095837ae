"""The one error of these verbs."""

from __future__ import annotations

from bridge.errors import BridgeError


class GenerationError(BridgeError):
    """What was asked for cannot be done now; the message says what to do."""
