"""The application of a later release, whose summary has another row. Only this process is changed."""

from __future__ import annotations

from tests.generations.next_rows import put_in_force

put_in_force()

from app import app  # noqa: E402 - the application must be built on what was changed

__all__ = ["app"]
