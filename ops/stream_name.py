"""What JetStream takes as the name of a stream."""

from __future__ import annotations


def is_stream_name(text: str) -> bool:
    """Whether a stream may have this name; a request about any other is never answered, or is about something else."""
    return text != "" and text.isprintable() and not set(text) & set(" .*>/\\")
